package rest_test

import (
	"testing"
	"time"
)

// TestForecast: two marketing packages of 50 and 100 that expire on 2021-04-29, used by debits as the days go by.
func TestForecast(t *testing.T) {
	e := newEnv(t)
	day, n := 1, 0
	on := func(d int) {
		e.clock.Advance(time.Duration(d-day) * 24 * time.Hour)
		day = d
	}
	debit := func(quantity string) {
		t.Helper()
		n++
		e.call(e.demo, "POST", demoPath+"/debits", `{"id":"m-`+string(rune('0'+n))+`","category":"domestic","purpose":"marketing","quantity":`+quantity+`}`).want(t, 201)
	}
	want := func(remaining, perDay, outlook, runsOutOn, first, second, total string) {
		t.Helper()
		expiring := ""
		if first != "" {
			expiring = `{"package":"U1B19042914389DC","expires_on":"2021-04-29","quantity":` + first + `}`
		}
		if second != "" {
			expiring += `,{"package":"U1B19042914D4FE7","expires_on":"2021-04-29","quantity":` + second + `}`
		}
		e.call(e.demo, "GET", demoPath+"/forecast", "").wantJSON(t, 200, `{"items":[{"category":"domestic","purpose":"marketing","country":null,"remaining":`+remaining+
			`,"per_day":"`+perDay+`","outlook":"`+outlook+`","runs_out_on":`+runsOutOn+`,"expiring_unused":[`+expiring+`],"expiring_total":`+total+`}]}`)
	}
	want("150", "0.0", "unused", "null", "100", "50", "150")
	debit("7") // on 1 April: today is not in the average
	want("143", "0.0", "unused", "null", "93", "50", "143")
	on(7)
	debit("35")
	on(8) // 12:00: half of the 8th is still to come, and 21 days, at 6 a day
	want("108", "6.0", "runs_out", `"2021-04-26"`, "", "", "0")
	debit("5")
	on(9) // the 1st has left the average, the 8th has come: 40 in seven days; 117 would be used until the 29th
	want("103", "5.7", "runs_out", `"2021-04-27"`, "", "", "0")
	on(15) // only the 5 of the 8th: 10 until the 29th
	want("103", "0.7", "expires", "null", "42", "50", "92")
	on(30)
	e.call(e.demo, "GET", demoPath+"/forecast", "").wantJSON(t, 200, `{"items":[]}`)
	e.call(e.other, "GET", "/v1/projects/other/forecast", "").wantJSON(t, 200, `{"items":[]}`)
}
