#!/usr/bin/env bash
# What ./rankscope does with a build folder that it finds, in trees of its own whose program is a line of text.
# Run as: wrapper_test.sh ROOT WORK, the repository and a folder that is made anew. Needs cmake and ninja.
set -euo pipefail
root=$1 work=$2
rm -rf "$work"
mkdir -p "$work/bin" "$work/tree"
unset CUDA_PATH RANKSCOPE_USE_CUDA
# bash warns of a locale that is not installed, beside what the wrapper says.
export LC_ALL=C

fail() {
  printf 'FAILED: %s\n' "$*" >&2
  exit 1
}
expect() { [[ $2 == *"$3"* ]] || fail "$1: '$3' is not in: $2"; }

# Nothing is installed: dpkg knows every package where $work/installed stands, and apt-get makes it.
stub() {
  printf '#!/bin/sh\n%s\n' "$2" >"$work/bin/$1"
  chmod +x "$work/bin/$1"
}
stub dpkg-query "test -f '$work/installed' && echo 'install ok installed'"
stub apt-get "echo \$1 >>'$work/apt.log'; sleep 0.3; touch '$work/installed'"
stub sudo 'shift; exec "$@"'
export PATH=$work/bin:$PATH

cp "$root/rankscope" "$work/tree/"
cat >"$work/tree/CMakePresets.json" <<'END'
{"version": 6, "configurePresets": [
  {"name": "release", "generator": "Ninja", "binaryDir": "${sourceDir}/build/release"}]}
END
cat >"$work/tree/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(tree LANGUAGES NONE)
option(RANKSCOPE_USE_CUDA "" ON)
find_program(RANKSCOPE_NVCC nvcc)
set(RANKSCOPE_WHY_NO_CUDA "no nvcc" CACHE INTERNAL "")
file(WRITE ${CMAKE_BINARY_DIR}/rankscope "#!/bin/sh\necho 'program of ${CMAKE_SOURCE_DIR},' CUDA ${RANKSCOPE_USE_CUDA} ${RANKSCOPE_NVCC}\n")
file(CHMOD ${CMAKE_BINARY_DIR}/rankscope PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE)
add_custom_target(rankscope-bin)
END

# Two at once on a bare machine: one installs, the other finds it done.
"$work/tree/rankscope" >"$work/first" 2>&1 &
second=0
"$work/tree/rankscope" >"$work/second" 2>&1 || second=$?
first=0
wait $! || first=$?
((first == 0)) || fail "the first of two calls: status $first: $(<"$work/first")"
((second == 0)) || fail "the second of two calls: status $second: $(<"$work/second")"
[[ $(<"$work/apt.log") == $'update\ninstall' ]] || fail "apt-get ran as: $(<"$work/apt.log")"
expect "a first build" "$(<"$work/first")$(<"$work/second")" "first build"
again=$("$work/tree/rankscope" 2>&1)
[[ $again == "program of $work/tree,"* ]] || fail "a second call said more than the program: $again"

# One filter is taken, and a second is not passed over.
for command in test bench; do
  status=0
  text=$("$work/tree/rankscope" $command first second 2>&1) || status=$?
  ((status == 2)) || fail "$command with two filters: status $status: $text"
  [[ $text == "rankscope: $command takes one FILTER, and 'second' is left;"* ]] ||
    fail "$command with two filters: $text"
done

# A copy builds its own sources, a moved tree those where it is now.
cp -r "$work/tree" "$work/copy"
expect "a copied tree" "$("$work/copy/rankscope" 2>&1)" "program of $work/copy,"
# A first build has much to say.
rm -rf "$work/copy/build"
expect "with standard error closed" "$("$work/copy/rankscope" 2>&- || true)" "program of $work/copy,"
expect "the tree that was copied" "$("$work/tree/rankscope" 2>&1)" "program of $work/tree,"
rm -rf "$work/copy"
mv "$work/tree" "$work/moved"
expect "a moved tree" "$("$work/moved/rankscope" 2>&1)" "was made for $work/tree"
expect "a moved tree" "$("$work/moved/rankscope" 2>&1)" "program of $work/moved,"
# A link to it is no other place.
ln -s moved "$work/link"
again=$("$work/link/rankscope" 2>&1)
[[ $again == "program of"* ]] || fail "through a link: $again"

# nvcc that comes, is replaced by a newer one elsewhere, and goes.
cache=$work/moved/build/release/CMakeCache.txt
set_cached() { sed -i "s|^$1:\([A-Z]*\)=.*|$1:\1=$2|" "$cache"; }
stub nvcc 'exit 1'
nvcc=$(PATH=/usr/local/cuda/bin:$PATH type -P nvcc)
set_cached RANKSCOPE_NVCC RANKSCOPE_NVCC-NOTFOUND
expect "an nvcc that came" "$("$work/moved/rankscope" 2>&1)" "CUDA ON $nvcc"
ln -s /bin/true "$work/bin/old-nvcc"
set_cached RANKSCOPE_NVCC "$work/bin/old-nvcc"
expect "a second nvcc" "$("$work/moved/rankscope" 2>&1)" "CUDA ON $nvcc"
set_cached RANKSCOPE_NVCC /nowhere/nvcc
expect "an nvcc that went" "$("$work/moved/rankscope" 2>&1)" "/nowhere/nvcc is gone"
again=$("$work/moved/rankscope" 2>&1)
[[ $again == "program of"* ]] || fail "with an nvcc that cannot be used: $again"

# RANKSCOPE_USE_CUDA is passed on and remembered.
expect "CUDA off" "$(RANKSCOPE_USE_CUDA=OFF "$work/moved/rankscope" 2>&1)" "CUDA OFF"
again=$("$work/moved/rankscope" 2>&1)
[[ $again == "program of $work/moved, CUDA OFF"* ]] || fail "CUDA off, remembered: $again"
expect "CUDA on again" "$(RANKSCOPE_USE_CUDA=ON "$work/moved/rankscope" 2>&1)" "CUDA ON"

# Another compiler than that of the build before builds anew; the same one, with arguments, does not.
printf 'CMAKE_CXX_COMPILER:FILEPATH=%s\n' "$(type -P sh)" >>"$cache"
expect "another compiler" "$(CXX="$(type -P bash) -v" "$work/moved/rankscope" 2>&1)" "building anew with CXX="
printf 'CMAKE_CXX_COMPILER:FILEPATH=%s\n' "$(type -P bash)" >>"$cache"
again=$(CXX="bash -v" "$work/moved/rankscope" 2>&1)
[[ $again == "program of"* ]] || fail "the same compiler: $again"

# Lists of packages that cannot be brought up to date are no reason not to install; a machine that lacks what
# another had is asked anew.
rm "$work/installed" "$work/apt.log"
stub apt-get "echo \$1 >>'$work/apt.log'; [ \$1 != update ] || exit 100; touch '$work/installed'"
sed -i 's/ [0-9]* [0-9]*$/ 1 2/' "$work/moved/build/release/.packages"
expect "packages that are missing again" "$("$work/moved/rankscope" 2>&1)" "rankscope: installing"
[[ $(<"$work/apt.log") == $'update\ninstall' ]] || fail "apt-get ran as: $(<"$work/apt.log")"

# Another call waits, and says so.
(
  exec 9>"$work/moved/build/lock"
  flock 9
  sleep 1
) &
sleep 0.2
expect "a call beside one that builds" "$("$work/moved/rankscope" 2>&1)" "waiting for another call"
wait

# Who cannot write runs what is there.
if ((EUID == 0)) && setpriv --reuid=65534 --clear-groups true 2>/dev/null; then
  chmod -R go+rX "$work"
  chmod 755 "$work/moved/build" "$work/moved/build/release"
  chmod 644 "$work/moved/build/lock"
  status=0
  text=$(setpriv --reuid=65534 --regid=65534 --clear-groups "$work/moved/rankscope" 2>&1) || status=$?
  if ((status != 126)); then  # the folder above may be closed to others
    [[ $text == "program of"* ]] || fail "a build of someone else: $text"
    status=0
    text=$(setpriv --reuid=65534 --regid=65534 --clear-groups "$work/moved/rankscope" test 2>&1) || status=$?
    ((status == 2)) || fail "tests in a build of someone else: status $status: $text"
    expect "tests in a build of someone else" "$text" "cannot write to $work/moved/build"
  fi
fi

# What cannot be configured is not built by what stood there before.
echo 'message(FATAL_ERROR "broken")' >>"$work/moved/CMakeLists.txt"
mv "$work/moved" "$work/broken"
for round in 1 2; do
  status=0
  text=$("$work/broken/rankscope" 2>&1) || status=$?
  ((status == 2)) || fail "a broken tree, call $round: status $status: $text"
  expect "a broken tree, call $round" "$text" "the build failed"
done
