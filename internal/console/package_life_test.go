package console_test

import (
	"net/http"
	"strings"
	"testing"

	"taocan/internal/access"
	"taocan/internal/taocan"
)

const lived = "U1B19042914D4FE7" // 50 of 100 are left until 2021-04-29

// second gives demo's account another project.
func (e *env) second() taocan.Tenant {
	e.t.Helper()
	t := taocan.Tenant{Account: demoTenant.Account, Project: "demo-2"}
	_, err := e.access.CreateProject(e.t.Context(), taocan.System(), access.ProjectRequest{ID: t.Project, Account: t.Account, Name: "第二个"})
	e.must(err)
	return t
}

func TestOperatorExtendsFreezesAndTransfersAPackage(t *testing.T) {
	e := newEnv(t)
	second := e.second()
	staff := e.signIn(taocan.OperatorRole)
	const path = "/operator/packages/" + lived
	send := func(form string, fields ...string) answer {
		return staff.sendForm(staff.get(path), path+"/"+form, fields...)
	}
	send("extend", "expires_on", "2021-04-29", "reason", "网关故障").wantPage(t, http.StatusUnprocessableEntity, "请输入晚于当前到期日的日期")
	send("extend", "expires_on", "2021-05-31").wantPage(t, http.StatusUnprocessableEntity, "请填写")
	send("extend", "expires_on", "2021-05-31", "reason", "网关故障").wantRedirect(t, path+"?done=extended")
	staff.get(path+"?done=extended").wantPage(t, http.StatusOK, "有效期已延长", "2021-05-31", "网关故障")

	send("freeze", "reason", "争议").wantRedirect(t, path+"?done=frozen")
	staff.get(path+"?done=frozen").wantPage(t, http.StatusOK, "套餐包已冻结", "已冻结", "解冻")
	e.wantAct("package.freeze", lived)
	send("transfer", "project", string(second.Project), "quantity", "5", "reason", "申请").wantPage(t, http.StatusUnprocessableEntity, "套餐包已冻结")
	send("unfreeze", "reason", "已解决").wantRedirect(t, path+"?done=unfrozen")
	e.wantAct("package.unfreeze", lived)

	send("transfer", "project", string(otherTenant.Project), "quantity", "5", "reason", "申请").wantPage(t, http.StatusUnprocessableEntity, "不存在")
	send("transfer", "project", string(demoTenant.Project), "quantity", "5", "reason", "申请").wantPage(t, http.StatusUnprocessableEntity, "已在这个项目中")
	send("transfer", "project", string(second.Project), "quantity", "51", "reason", "申请").wantPage(t, http.StatusUnprocessableEntity, "剩余不足：只有 50 条")
	send("transfer", "project", string(second.Project), "quantity", "5", "reason", "申请").wantRedirect(t, path+"?done=transferred")
	e.wantAct("package.transfer", lived)
	staff.get(path).wantPage(t, http.StatusOK, "转出", "-5")
	if x := e.pkg(lived); x.Remaining != 45 {
		t.Errorf("%d left, want 45", x.Remaining)
	}
}

func TestAnOwnerTransfersToAnotherProject(t *testing.T) {
	e := newEnv(t)
	const path = "/package/" + lived
	owner := e.signIn(taocan.Owner)
	owner.get(path).lacks(t, "转给其他项目") // there is no other project
	second := e.second()
	e.signIn(taocan.Viewer).get(path).lacks(t, "转给其他项目")
	page := owner.get(path)
	page.wantPage(t, http.StatusOK, "转给其他项目", "第二个")
	send := func(project, quantity string) answer {
		return owner.sendForm(page, path+"/transfer", "project", project, "quantity", quantity)
	}
	send(string(second.Project), "many").wantPage(t, http.StatusUnprocessableEntity, "请输入 1 到 50 的整数")
	send(string(second.Project), "51").wantPage(t, http.StatusUnprocessableEntity, "请输入 1 到 50 的整数")
	send(string(otherTenant.Project), "5").wantPage(t, http.StatusUnprocessableEntity, "请选择本账号的其他项目")
	send(string(second.Project), "20").wantRedirect(t, path+"?done=transferred")
	send(string(second.Project), "20").wantRedirect(t, path+"?done=transferred") // sent twice
	owner.get(path+"?done=transferred").wantPage(t, http.StatusOK, "短信已转给其他项目", "转出", "-20")
	if x := e.pkg(lived); x.Remaining != 30 || x.Adjusted != -20 {
		t.Errorf("%d left and %d adjusted, want 30 and -20", x.Remaining, x.Adjusted)
	}
	entries := e.signIn(taocan.Viewer).get(path)
	if strings.Contains(entries.body, "transfer-project") {
		t.Error("a viewer is shown the form")
	}
}

func TestAFrozenPackageOnItsPages(t *testing.T) {
	e := newEnv(t)
	_, _, err := e.packages.Freeze(t.Context(), taocan.System(), lived, "f", []byte("f"), "争议")
	e.must(err)
	viewer := e.signIn(taocan.Viewer)
	viewer.get("/package/"+lived).wantPage(t, http.StatusOK, "已冻结", "解冻前不参与扣减")
	list := viewer.get("/packages/domestic?status=frozen")
	list.wantPage(t, http.StatusOK, lived, "已冻结")
	list.lacks(t, "U1B19042914389DC")
}
