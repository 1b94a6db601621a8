package browser

import "testing"

func TestMenusOnAPhoneShowWhereOneIs(t *testing.T) {
	p := open(t, en, phone)
	p.signIn()
	for _, path := range []string{"/usage", "/settings/tokens"} { // the last of the side menu, the last tab
		p.visit(path)
		p.until("the entries of "+path+" are in sight", `[...document.querySelectorAll(".console-tabs .is-current, .console-side .is-current")]
			.map(x => x.getBoundingClientRect()).every(x => x.left >= 0 && x.right <= innerWidth)`)
	}
}

func TestAPurchaseDialogStartsAtWhatIsChosen(t *testing.T) {
	p := open(t, zh, desktop)
	p.signIn()
	for _, category := range []string{"domestic", "international"} {
		p.visit("/packages/" + category + "?buy=1")
		p.until("the focus is on "+category, `document.activeElement.matches("input[name=category][value=`+category+`]:checked")`)
	}
}
