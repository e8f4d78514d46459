// For LD_PRELOAD: fsync sends the process a SIGHUP, so that one comes while `chorus` copies models.

#include <signal.h>
#include <unistd.h>

extern "C" int fsync(int) { return kill(getpid(), SIGHUP); }
