package view

// The side menus of the tabs that have more than one page.

func settingsLines(f Frame) []sideLine { return nil }

func operatorLines(f Frame) []sideLine { return nil }
