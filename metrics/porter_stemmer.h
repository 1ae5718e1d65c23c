// Porter's stemmer with NLTK's extensions.
#pragma once

#include <string>
#include <string_view>

namespace rankscope {

// Replaces `word`, which must hold ASCII lower-case letters and digits alone, by its stem. Equal to
// nltk.stem.PorterStemmer().stem (mode NLTK_EXTENSIONS), which is not the algorithm of Porter's
// 1980 paper: it has a list of irregular words and changed steps 1a, 1b, 1c, 2 and the condition
// *o.
void porter_stem(std::string& word);

}  // namespace rankscope
