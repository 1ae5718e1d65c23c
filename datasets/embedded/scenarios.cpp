#include "datasets/embedded/scenarios.h"

namespace rankscope::embedded {

namespace {

using enum SlotKind;

Scenario meeting() {
  return {"meeting",
          {{"place", kPlace}, {"day", kDay}, {"hour", kHour}},
          {{"a: Shall we meet at the {place}?", "a: Would you like to come to the {place} with me?",
            "a: I am going to the {place}. Will you come too?"},
           {"b: Gladly. When?", "b: Good idea. Which day?", "b: Why not! When are you going?"},
           {"a: On {day} at {hour}.", "a: {day} at {hour}, if you can.",
            "a: What about {day} at {hour}?"},
           {"b: That suits me.", "b: Fine, I will be there.", "b: I have time then."}},
          {"{a} and {b} will meet at the {place} on {day} at {hour}.",
           "{a} and {b} are going to the {place} on {day} at {hour}."},
          {{"{a} asked {b} to come along to the {place}.",
            "{a} wrote to {b} about a walk to the {place}."},
           {"They agreed on {day}.", "{b} had time on {day}.", "{day} was the day they chose."},
           {"At {hour} both were there.", "The clock said {hour} when {b} came."}},
          {"{a} met {b} at the {place}, {day}, {hour}", "{day}: {a} with {b} at the {place}"}};
}

Scenario loan() {
  return {
      "loan",
      {{"thing", kThing}, {"day", kDay}},
      {{"a: Could you lend me your {thing}?", "a: May I borrow your {thing}?",
        "a: I need a {thing}. Can I have yours for a while?"},
       {"b: Of course. When do you want it?", "b: Yes, when will you come for it?",
        "b: You can. When do you need it?"},
       {"a: I could fetch it on {day}.", "a: I will come by on {day}.", "a: {day} would be best."},
       {"b: Then I will leave it at the door.", "b: I am at home all day.",
        "b: Ring the bell twice."}},
      {"{b} will lend {a} a {thing}. {a} will fetch it on {day}.",
       "{a} will borrow the {thing} of {b} on {day}."},
      {{"{a} had no {thing}.", "The {thing} of {a} was broken."},
       {"{b} had one and said yes.", "So {a} turned to {b}, who did not mind."},
       {"On {day} {a} carried it home.", "{a} came for it on {day}."}},
      {"{a} got a {thing} from {b}, {day}", "{day}: a {thing} for {a}"}};
}

Scenario shopping() {
  return {"shopping",
          {{"food", kFood}, {"food2", kFood}, {"hour", kHour}},
          {{"a: I am at the market. Do we need anything?",
            "a: I am going shopping. What shall I bring?",
            "a: The shop is still open. Do you want something?"},
           {"b: Some {food}, please.", "b: Yes, we have no {food} left.",
            "b: Bring {food}, if they have it."},
           {"a: Anything else?", "a: Is that all?", "a: And what more?"},
           {"b: {food2} would be nice.", "b: And {food2}.", "b: {food2} as well, please."},
           {"a: I will be home at {hour}.", "a: See you at {hour}.",
            "a: Good, I will be back at {hour}."}},
          {"{a} will buy {food} and {food2} for {b} and be back at {hour}.",
           "{a} is going to bring {b} {food} and {food2} at {hour}."},
          {{"{a} went to the market for {b}.", "{b} sent {a} to the shop."},
           {"There was {food}, and {a} took some.", "The {food} was fresh."},
           {"{a} found {food2} too.", "After that {a} paid for {food2}."},
           {"At {hour} everything was on the table.", "It was {hour} when {a} came back."}},
          {"{a} brought {food} and {food2} at {hour}", "{food} and {food2} for {b}"}};
}

Scenario lost() {
  return {
      "lost",
      {{"thing", kThing}, {"place", kPlace}},
      {{"a: I cannot find my {thing}.", "a: Have you seen my {thing}?", "a: My {thing} is gone!"},
       {"b: Where did you have it last?", "b: Oh no! Since when?", "b: Did you look at home?"},
       {"a: I do not know. I had it in the morning.", "a: I have looked all over the house.",
        "a: I had it yesterday."},
       {"b: Wait, I see it. You left it at the {place}.",
        "b: There is one at the {place}. It must be yours.", "b: I found it at the {place}!"},
       {"a: What luck! I am coming.", "a: Thank you so much!", "a: You are an angel."}},
      {"{a} has lost a {thing}. {b} found it at the {place}.",
       "{b} found the lost {thing} of {a} at the {place}."},
      {{"{a} missed a {thing}.", "All day {a} looked for a {thing}."},
       {"It had been left at the {place}.", "Nobody had thought of the {place}."},
       {"{b} saw it and kept it.", "There {b} picked it up."}},
      {"{thing} of {a} turns up at the {place}", "{b} saves the {thing} of {a}"}};
}

Scenario invitation() {
  return {
      "invitation",
      {{"feast", kFeast}, {"day", kDay}, {"task", kTask}},
      {{"a: Will you come to my {feast} on {day}?",
        "a: I am giving a {feast} on {day}. Are you coming?",
        "a: On {day} there is a {feast} at my house."},
       {"b: I would love to, but I have to {task}.", "b: What a pity, I must {task} that day.",
        "b: I cannot. I promised to {task}."},
       {"a: Maybe next time.", "a: That is sad.", "a: We will miss you."},
       {"b: Save me a piece of cake.", "b: Next year for sure.", "b: I will send flowers."}},
      {"{b} cannot come to the {feast} of {a} on {day} because {b} has to {task}.",
       "{a} invites {b} to a {feast} on {day}, but {b} has to {task}."},
      {{"{a} gave a {feast}.", "The {feast} of {a} was a merry one."},
       {"It was on {day}.", "{day} was warm and bright."},
       {"{b} stayed away to {task}.", "Only {b} was missing: there was nobody else to {task}."}},
      {"{feast} of {a} without {b}, {day}", "{b} had to {task}"}};
}

Scenario delay() {
  return {"delay",
          {{"town", kTown}, {"count", kCount}, {"place", kPlace}},
          {{"a: My train is still in {town}.", "a: I am stuck in {town}.",
            "a: We have stopped in {town}."},
           {"b: How late will you be?", "b: Oh dear. How long will it take?",
            "b: And when will you be here?"},
           {"a: About {count} minutes late.", "a: They say {count} minutes.",
            "a: It will be {count} minutes."},
           {"b: I will wait at the {place}.", "b: You will find me at the {place}.",
            "b: Then come to the {place}, I will sit there."}},
          {"{a} is in {town} and will be {count} minutes late. {b} will wait at the {place}.",
           "{b} will wait for {a} at the {place}, because {a} is {count} minutes late in {town}."},
          {{"The train of {a} stood in {town}.", "{a} came only as far as {town}."},
           {"It cost {count} minutes.", "{count} minutes went by."},
           {"{b} sat at the {place} the while.", "At the {place} {b} looked at the clock."}},
          {"{count} minutes lost in {town}", "{b} waits at the {place}"}};
}

Scenario match() {
  return {"match",
          {{"club", kClub}, {"club2", kClub}, {"day", kDay}},
          {{"a: Did you hear how {club} did on {day}?",
            "a: {club} played on {day}. Do you know how it went?", "a: Who won on {day}, {club}?"},
           {"b: They won!", "b: Yes, they won it.", "b: They did win."},
           {"a: Against whom?", "a: Really? Who did they play?", "a: Against which club?"},
           {"b: Against {club2}.", "b: It was {club2}.", "b: {club2}, and it was close."}},
          {"{b} tells {a} that {club} won against {club2} on {day}.",
           "{club} won against {club2} on {day}, {b} says."},
          {{"{club} and {club2} played on {day}.", "On {day} {club2} came to play {club}."},
           {"It was close, but {club} won.", "{club2} lost."}},
          {"{club} too good for {club2}", "{day}: {club} wins"}};
}

Scenario reading() {
  return {
      "reading",
      {{"title", kTitle}, {"place", kPlace}, {"day", kDay}},
      {{"a: What are you reading?", "a: Is that a new book?", "a: Which book do you have there?"},
       {"b: It is called {title}.", "b: {title}. You would like it.",
        "b: {title}, and it is very good."},
       {"a: Can I have it after you?", "a: May I read it next?", "a: Will you give it to me then?"},
       {"b: I will bring it to the {place}.", "b: Yes, I will have it with me at the {place}.",
        "b: Sure, at the {place}."},
       {"a: On {day}, then.", "a: See you on {day}!", "a: I will be there on {day}."}},
      {"{b} will give {a} the book {title} at the {place} on {day}.",
       "{a} will get {title} from {b} on {day} at the {place}."},
      {{"{b} had read {title}.", "{title} was what {b} read that week."},
       {"{a} wanted it next.", "{a} had heard much about it."},
       {"At the {place} it changed hands.", "So {b} took it to the {place}."},
       {"That was on {day}.", "It was a {day}."}},
      {"{title} goes to {a}", "{day}: {a} gets {title}"}};
}

constexpr std::string_view kPlaces[] = {
    "station", "market", "library", "mill", "harbour", "bridge", "theatre", "museum",
    "bakery",  "garden", "church",  "lake", "castle",  "inn",    "school",  "post office"};
constexpr std::string_view kDays[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                      "Friday", "Saturday", "Sunday"};
constexpr std::string_view kHours[] = {"one",   "two",   "three", "four", "five",   "six",
                                       "seven", "eight", "nine",  "ten",  "eleven", "noon"};
constexpr std::string_view kThings[] = {"ladder", "tent",   "lamp",   "coat",   "camera", "drum",
                                        "saddle", "basket", "hammer", "violin", "kettle", "bicycle",
                                        "scarf",  "map",    "watch",  "key"};
constexpr std::string_view kFoods[] = {"bread",  "butter", "cheese",   "milk",   "honey", "apples",
                                       "onions", "fish",   "potatoes", "pears",  "rice",  "tea",
                                       "plums",  "salt",   "flour",    "carrots"};
constexpr std::string_view kFeasts[] = {"party", "wedding", "dinner", "dance", "picnic", "concert"};
constexpr std::string_view kTasks[] = {"work",           "study",           "see a doctor",
                                       "mend the roof",  "visit a friend",  "pick the apples",
                                       "write a report", "feed the horses", "paint the fence",
                                       "sing in church"};
constexpr std::string_view kCounts[] = {"5", "10", "15", "20", "25", "30", "35", "40", "45", "50"};

}  // namespace

std::span<const Scenario> scenarios() {
  static const std::vector<Scenario> all = {meeting(),    loan(),  shopping(), lost(),
                                            invitation(), delay(), match(),    reading()};
  return all;
}

std::span<const std::vector<std::string_view>> small_talk() {
  static const std::vector<std::vector<std::string_view>> all = {
      {"a: Hello {b}!"},
      {"a: Good morning {b}.", "b: Good morning {a}."},
      {"a: Hi {b}, how are you?", "b: Very well, and you?"},
      {"a: {b}, are you there?", "b: Yes, what is it?"},
      {"b: It is raining again.", "a: Here too."},
      {"b: I slept badly.", "a: Poor you."},
      {"a: What a lovely day!", "b: It is."},
      {"b: My sister says hello.", "a: Thank you."},
      {"a: I am so tired today.", "b: Drink some tea."},
      {"b: The cat is asleep on my hat.", "a: As always."}};
  return all;
}

std::span<const std::string_view> slot_words(SlotKind kind) {
  switch (kind) {
    case kPlace:
      return kPlaces;
    case kDay:
      return kDays;
    case kHour:
      return kHours;
    case kThing:
      return kThings;
    case kFood:
      return kFoods;
    case kFeast:
      return kFeasts;
    case kTask:
      return kTasks;
    case kCount:
      return kCounts;
    default:
      return {};
  }
}

}  // namespace rankscope::embedded
