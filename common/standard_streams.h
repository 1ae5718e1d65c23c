// The three descriptors that a process is started with.
#pragma once

namespace rankscope {

// Called once by main(), before it opens anything. Where standard input, output or error is closed,
// the next file to be opened would take its number, and what is printed would go into that file.
// Afterwards a closed input is at its end, writing to a closed output fails, and what is said on a
// closed error output is lost. Throws as files.h says, where there is no /dev/null.
void open_closed_streams();

}  // namespace rankscope
