package bench
import ("testing";"os";"encoding/json")
func TestZZ(t *testing.T){ b,_:=os.ReadFile("/tmp/e2/now.json"); var r Report; if err:=json.Unmarshal(b,&r);err!=nil{t.Fatal(err)}; f,_:=os.Create("/tmp/e2/now.md"); r.Print(f); f.Close()}
