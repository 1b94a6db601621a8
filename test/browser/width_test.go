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

func TestOrdersCanBePaidAtAnyWidth(t *testing.T) {
	d := startDemo(t)
	agreement := d.call("GET", "/v1/projects/demo/agreement", d.Token, nil)["version"]
	d.call("POST", "/v1/projects/demo/orders", d.Token, object{"category": "domestic", "kind": "custom", "purpose": "verification", "quantity": 100_000,
		"agreement_version": agreement}, "Idempotency-Key", "pending")
	p := d.open(t, en, size{"700", 700, 900})
	p.signIn()
	for _, s := range []size{{"700", 700, 900}, {"780", 780, 900}, {"920", 920, 900}, {"1280", 1280, 900}, phone} {
		p.resize(s)
		p.visit("/orders")
		p.until("the button to pay is in sight at "+s.name, `(r => r.left >= 0 && r.right <= document.querySelector(".table-wrap").getBoundingClientRect().right)($("td.is-action a").getBoundingClientRect())`)
		p.until("dates are whole at "+s.name, `$$("td .no-break").length > 0 && $$("td .no-break").every(x => x.getClientRects().length === 1)`)
		p.until("what is bought is more than a word wide at "+s.name, `$("#order-rows td:nth-child(2) div").getBoundingClientRect().width >= 140`)
		p.shot("orders-" + s.name)
	}
}

func TestTheBetterOfferStaysInItsBox(t *testing.T) {
	p := open(t, en, desktop)
	p.signIn()
	p.visit("/packages/domestic?buy=1&hundreds=950")
	p.seeAt(".buy-better .btn")
	p.until("the button is inside of its box", `$(".buy-better .btn").getBoundingClientRect().right <= $(".buy-better").getBoundingClientRect().right`)
	p.until("the price stands in one line", `[...document.querySelectorAll(".buy-summary dl > div")].filter(x => x.innerText.includes("Unit price")).every(x => x.getBoundingClientRect().height < 40)`)
	p.shot("buy-better")
}
