// Package clock is where time comes from. A [Clock] arrives through constructors; only [System] asks the
// machine, and a test over the sources holds every other package to that.
//
// There are two readings. Now is the wall clock: what a person would call the time, in UTC, truncated to
// microseconds so that every store gives back what it was given. It can be set, so it may step either way.
// Monotonic is the time since the process started: it never goes back and no one can set it, so it measures
// waits and tells a wrong step of the wall clock from time that has passed. Both are needed to refuse a
// forward step that would let every package expire at once.
//
// On Linux the monotonic reading stands still while the machine sleeps, so after waking the wall clock seems
// to have stepped forward by the length of the sleep. That looks like a wrong step, and is meant to.
//
// [Fake] is for tests, here and in other packages. It moves only when told to.
//
// A clock holds no state that a crash could lose. Monotonic starts again at zero with each process, so it is
// never stored or compared between processes.
package clock
