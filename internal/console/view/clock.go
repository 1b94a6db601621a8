package view

import "fmt"

// clock writes a time that is left as hours, minutes and seconds: 23:59:07.
func clock(seconds int) string {
	seconds = max(0, seconds)
	return fmt.Sprintf("%02d:%02d:%02d", seconds/3600, seconds/60%60, seconds%60)
}
