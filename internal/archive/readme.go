package archive

import (
	"fmt"
	"strings"
)

// readMe says in both languages what is in the archive. It holds nothing of the moment.
func readMe(s *source) string {
	zh, en := "账户 "+string(s.of.Account)+" 的全部数据", "Everything of the account "+string(s.of.Account)
	if s.of.Project != "" {
		zh = fmt.Sprintf("项目 %s（账户 %s）的全部数据，不含成员、令牌、钱包与代金券", s.of.Project, s.of.Account)
		en = fmt.Sprintf("Everything of the project %s of the account %s; members, tokens, wallet and vouchers are the account's and not in it", s.of.Project, s.of.Account)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n", zh)
	for _, f := range files {
		if f.belongs(s.of) {
			fmt.Fprintf(&b, "%s：%s\n", f.name, f.zh)
		}
	}
	fmt.Fprintf(&b, "\n文件为带 BOM 的 UTF-8 编码 CSV，首行为列名。金额单位为元，数量单位为条，时间为 %s 时区，空单元格表示没有。\n", s.zone)
	b.WriteString("会被电子表格当作公式的文本以 ' 开头。所有文件取自同一时刻，彼此一致。不含任何密码与密钥。\n")
	b.WriteString("通知记录、登录会话与操作日志不在其中；账单可由其中数据算出，故不另附。\n")
	fmt.Fprintf(&b, "\n----\n\n%s\n\n", en)
	for _, f := range files {
		if f.belongs(s.of) {
			fmt.Fprintf(&b, "%s: %s\n", f.name, f.en)
		}
	}
	fmt.Fprintf(&b, "\nThe files are CSV in UTF-8 with a byte order mark; their first line names the columns. Money is in yuan, quantities are messages,\n"+
		"times are in the zone %s, and an empty cell means that there is none.\n", s.zone)
	b.WriteString("Texts that a spreadsheet would take for a formula begin with '. All files are of one instant and agree. No password or secret is in them.\n" +
		"Notices, sign-ins and the audit log are not in it; statements follow from what is, so they are not added.\n")
	return b.String()
}
