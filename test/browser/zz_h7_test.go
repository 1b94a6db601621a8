package browser

import "testing"

func TestH7(t *testing.T) {
	d := startDemo(t)
	members, _ := furnish(d)
	for _, l := range []lang{zh, en} {
		p := d.open(t, l, desktop)
		p.signInAs(d.User, d.Password)
		for _, s := range members {
			if s.name == "top-ups" || s.name == "limits" {
				p.examine(s)
			}
		}
	}
}
