// Package i18n holds the texts of the console in Chinese and English, and how each language writes figures.
//
// A text stands once, as a pair, in messages/AREA.json: "area.key": ["中文", "English"]. So a key that one language
// lacks cannot exist; a test holds that both sides use the same verbs of package fmt. An English text that depends on a
// number is written "one|many" and read with Count; Chinese has one form.
//
// The language is a value that is handed to whatever shows something. Nothing here is bound to a request, and all of it
// is immutable after the program's start.
//
// It leaves to others what the facts are, time zones, and texts that people have written themselves: names of packages,
// agreements and reasons are shown as they are.
package i18n
