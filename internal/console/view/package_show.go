package view

import "taocan/internal/taocan"

// PackageNameText is a package's name as a file shows it: in English what can be put into words, otherwise as it was given.
func (f Frame) PackageNameText(x taocan.Package) string {
	text, _ := f.packageName(x.Name, x.Category, x.Purpose, x.Country)
	return text
}
