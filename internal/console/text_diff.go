package console

import (
	"strings"

	"taocan/internal/console/view"
)

// maxDiff bounds the work of a comparison: lines of one text times lines of the other.
const maxDiff = 4_000_000

// diffLines says how one text becomes another, line by line, with the most lines kept. Texts that are too long to compare
// are shown as one taken away and the other added.
func diffLines(old, next string) []view.DiffLine {
	a, b := strings.Split(strings.TrimRight(old, "\n"), "\n"), strings.Split(strings.TrimRight(next, "\n"), "\n")
	var lines []view.DiffLine
	add := func(kind string, texts ...string) {
		for _, t := range texts {
			lines = append(lines, view.DiffLine{Kind: kind, Text: t})
		}
	}
	if len(a)*len(b) > maxDiff {
		add("removed", a...)
		add("added", b...)
		return lines
	}
	// kept[i][j] is how many lines a[i:] and b[j:] have in common, in order.
	kept := make([][]int32, len(a)+1)
	for i := range kept {
		kept[i] = make([]int32, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				kept[i][j] = kept[i+1][j+1] + 1
			} else {
				kept[i][j] = max(kept[i+1][j], kept[i][j+1])
			}
		}
	}
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i] == b[j]:
			add("same", a[i])
			i, j = i+1, j+1
		case kept[i+1][j] >= kept[i][j+1]:
			add("removed", a[i])
			i++
		default:
			add("added", b[j])
			j++
		}
	}
	add("removed", a[i:]...)
	add("added", b[j:]...)
	return lines
}
