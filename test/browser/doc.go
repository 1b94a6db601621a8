// Package browser walks through the console in a real Chromium, as its users do: it sees what is left, buys, pays, sorts
// and searches, in both languages, with keyboard alone, without script and on a phone.
//
// Each test starts a `taocan demo` of its own, so it may change what it likes; all of them share one binary and one
// browser, in which each has its own cookies. A test is a journey in the few words of page_test.go. Nothing waits for time to pass:
// each step waits until the page shows what the step is about, and fails with what the page shows instead.
//
// Whatever a test is about, its pages may not log an error, break the content security policy or ask another server for
// anything; watch_test.go looks at that. What a page looked like when its test failed is left in test/artefacts, and with
// TAOCAN_PICTURES=1 (make pictures) a picture of every page.
//
// Without Chromium the tests skip and say so; where CI is set they fail. TAOCAN_BINARY names a binary to look at instead of the one
// that is built from the tree.
package browser
