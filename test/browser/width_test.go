package browser

import "testing"

func TestTheTabBarDoesNotScrollDownwards(t *testing.T) {
	p := open(t, en, size{"1400", 1400, 900})
	p.signIn()
	p.until("the tabs of the wide page fit", `document.querySelector(".console-tabs").scrollHeight <= document.querySelector(".console-tabs").clientHeight`)
	p.resize(size{"700", 700, 900})
	p.visit("/orders")
	p.until("tabs and side menu of the narrow page fit", `[".console-tabs", ".console-side"].every(s => document.querySelector(s).scrollHeight <= document.querySelector(s).clientHeight)`)
}
