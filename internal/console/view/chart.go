package view

import (
	"strconv"

	"taocan/internal/debit"
	"taocan/internal/taocan"
)

// Chart is stacked bars, one for each day, a part for each purpose. It is drawn by the server, as SVG without style of
// its own; a table with the same figures stands beside it.
type Chart struct {
	ID          string // unique on the page
	Title       string
	Description string
	Days        []debit.DayUse
}

// Sizes of a chart, in its own units; a unit is a pixel at full width.
const (
	chartWidth  = 960
	chartHeight = 240
	chartTop    = 10 // above the highest line
	chartBottom = 26 // for the days
	chartTicks  = 4
	chartLabels = 10 // days named at most
	digitWidth  = 7
)

// top is the value of the highest line, and step the one between two: the smallest of 1, 2, 5, 10, 20 … that suffices.
func (c Chart) top() (top, step taocan.Segments) {
	var most taocan.Segments
	for _, d := range c.Days {
		most = max(most, d.Total)
	}
	for step = 1; step*chartTicks < most; {
		for _, factor := range []taocan.Segments{2, 5, 10} {
			if factor*step*chartTicks >= most || factor == 10 {
				step *= factor
				break
			}
		}
	}
	return step * chartTicks, step
}

// left is where the bars begin: right of the longest figure.
func (c Chart) left(f Frame) int64 {
	top, _ := c.top()
	return int64(len(f.Messages(top))*digitWidth + 10)
}

// tick is one line across the chart.
type tick struct{ y, text string }

func (c Chart) ticks(f Frame) []tick {
	top, step := c.top()
	var all []tick
	for v := taocan.Segments(0); v <= top; v += step {
		all = append(all, tick{tenths(c.y(v, top)), f.Messages(v)})
	}
	return all
}

// y is the height of a value, in tenths from above.
func (c Chart) y(v, top taocan.Segments) int64 {
	const whole = 10 * (chartHeight - chartTop - chartBottom)
	return 10*(chartHeight-chartBottom) - int64(v)*whole/int64(top)
}

// bar is one day of a chart.
type bar struct {
	title string // what is told to who points at it
	parts []barPart
}

type barPart struct{ purpose, x, y, width, height string }

func (c Chart) bars(f Frame) []bar {
	top, _ := c.top()
	left := 10 * c.left(f)
	slot := (10*chartWidth - left) / int64(max(1, len(c.Days)))
	width := max(slot*7/10, 5)
	var all []bar
	for i, d := range c.Days {
		if d.Total == 0 {
			continue
		}
		b := bar{title: d.Day + "  " + f.Text("usage.day_total") + " " + f.Messages(d.Total)}
		x := left + int64(i)*slot + (slot-width)/2
		var below taocan.Segments
		for _, p := range taocan.Purposes {
			v := d.ByPurpose[p]
			if v == 0 {
				continue
			}
			from, to := c.y(below, top), c.y(below+v, top)
			b.parts = append(b.parts, barPart{string(p), tenths(x), tenths(to), tenths(width), tenths(max(from-to, 5))})
			b.title += "  " + f.Text("purpose."+string(p)) + " " + f.Messages(v)
			below += v
		}
		all = append(all, b)
	}
	return all
}

// dayLabels names some of the days, as evenly as can be.
func (c Chart) dayLabels(f Frame) []tick {
	left := 10 * c.left(f)
	slot := (10*chartWidth - left) / int64(max(1, len(c.Days)))
	every := (len(c.Days) + chartLabels - 1) / chartLabels
	var all []tick
	for i := 0; i < len(c.Days); i += max(1, every) {
		all = append(all, tick{tenths(left + int64(i)*slot + slot/2), c.Days[i].Day[len("2006-"):]})
	}
	return all
}

// tenths writes a coordinate.
func tenths(n int64) string { return strconv.FormatInt(n/10, 10) + "." + strconv.FormatInt(n%10, 10) }

func units(n int64) string { return strconv.FormatInt(n, 10) }

// purposesOf are those that something was used of, in the order of pages.
func purposesOf(u debit.Use) []taocan.Purpose {
	var all []taocan.Purpose
	for _, p := range taocan.Purposes {
		if u.ByPurpose[p] > 0 {
			all = append(all, p)
		}
	}
	return all
}
