package view

// The side menus of the tabs that have more than one page.

func settingsLines(f Frame) []sideLine {
	line := func(name, href, icon string) sideLine {
		return sideLine{name, href, f.Text("settings.nav." + name), icon}
	}
	return []sideLine{line("project", "/settings", "adjustments"), line("members", "/settings/members", "users"),
		line("tokens", "/settings/tokens", "key"), line("self", "/settings/self", "user")}
}

func operatorLines(f Frame) []sideLine {
	line := func(name, href, icon string) sideLine {
		return sideLine{name, href, f.Text("operator.nav." + name), icon}
	}
	return []sideLine{line("overview", "/operator", "settings"), line("months", "/operator/overview", "chart-bar"),
		line("accounts", "/operator/accounts", "users"), line("packages", "/operator/packages", "package"),
		line("orders", "/operator/orders", "receipt"), line("vouchers", "/operator/vouchers", "ticket"), line("price_lists", "/operator/price-lists", "tag"),
		line("products", "/operator/products", "building-store"), line("agreements", "/operator/agreements", "file-text"), line("staff", "/operator/staff", "user"), line("audit", "/operator/audit", "history")}
}
