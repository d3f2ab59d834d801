package luxitest

import (
	"strings"
	"testing"
)

func TestStatuses(t *testing.T) {
	m := begin(t, `
		cluster c
		node n1
		node n2 offline
		node n3 dead
		node n4
		instance a nodes=n1 mem=100
		instance b nodes=n1 state=down
		instance c nodes=n2
		instance d nodes=n3
		instance e nodes=n1 state=offline
		instance f nodes=n1 runs=n4
		instance g nodes=n1 state=down runs=n1
		instance h nodes=n1 stopped
		instance i nodes=n2 state=down
		instance j state=down forthcoming
		instance k nodes=n4 state=down`)
	want(t, "instances", dial(t, m).rows("instance", `["name","status","oper_state","oper_ram","pnode"]`, "null"), strings.Join([]string{
		`"a" "running" true 100 "n1"`, `"b" "ADMIN_down" false [3,null] "n1"`, `"c" "ERROR_nodeoffline" [2,null] [4,null] "n2"`,
		`"d" "ERROR_nodedown" [2,null] [2,null] "n3"`, `"e" "ADMIN_offline" false [3,null] "n1"`, `"f" "ERROR_wrongnode" true 128 "n1"`,
		`"g" "ERROR_up" true 128 "n1"`, `"h" "ERROR_down" false [3,null] "n1"`, `"i" "ERROR_nodeoffline" [2,null] [4,null] "n2"`,
		`"j" "ADMIN_down" false [3,null] [2,null]`, `"k" "ADMIN_down" false [3,null] "n4"`}, "; "))
	// A node that is the primary of none of them is not asked.
	want(t, "alone", dial(t, m).rows("instance", `["name","status"]`, `["=~","name","^[fgh]$"]`), `"f" "ERROR_down"; "g" "ERROR_up"; "h" "ERROR_down"`)
	want(t, "by status", dial(t, m).rows("instance", `["name"]`, `["=","status","ERROR_wrongnode"]`), `"f"`)
	want(t, "nodes", dial(t, m).rows("node", `["name","role","mfree","mtotal","powered","nonsense"]`, "null"), strings.Join([]string{
		`"n1" "M" 3868 4096 [3,null] [1,null]`, `"n2" "O" [4,null] [4,null] [3,null] [1,null]`,
		`"n3" "C" [2,null] [2,null] [3,null] [1,null]`, `"n4" "C" 3968 4096 [3,null] [1,null]`}, "; "))
}

func TestFilters(t *testing.T) {
	m := begin(t, `
		cluster c
		node node1.example.com
		node node10.example.com
		node node9.example.com
		instance a nodes=node1.example.com tags=x,y
		instance b nodes=node9.example.com template=file state=down`)
	w := dial(t, m)
	unknown := `!["OpPrereqError",["Instance name nobody not found","unknown_entity"]]`
	for filter, result := range map[string]string{
		`null`:                  `"a"; "b"`,
		`["=","name","a"]`:      `"a"`,
		`["=","name","nobody"]`: unknown,
		`["|",["=","name","a"],["=","name","nobody"]]`:       unknown,
		`["&",["|",["=","name","a"],["=","name","nobody"]]]`: `"a"`,
		`["|"]`:                    ``,
		`["&"]`:                    `"a"; "b"`,
		`["!=","name","a"]`:        `"b"`,
		`["=","pnode","node9"]`:    `"b"`,
		`["=[]","tags","y"]`:       `"a"`,
		`["?","admin_up"]`:         `"a"`,
		`["!",["?","admin_up"]]`:   `"b"`,
		`["=~","name","^[b-z]"]`:   `"b"`,
		`[">","disk.count",0]`:     `"b"`,
		`["=","status","running"]`: `"a"`,
		`["=","nonsense","x"]`:     `!["ParameterError",["Can't find field named 'nonsense'"]]`,
		`["?","name"]`:             `!["ParameterError",["Unexpected value '\"a\"' in boolean context"]]`,
		`[">","disk.count","0"]`:   `!["ParameterError",["Invalid types in comparison, trying to compare 0 with 'QuotedString \"0\"'"]]`,
	} {
		want(t, filter, w.rows("instance", `["name"]`, filter), result)
	}
	want(t, "nodes are sorted by number", w.rows("node", `["name"]`, "null"), `"node1.example.com"; "node9.example.com"; "node10.example.com"`)
	want(t, "short node name", w.rows("node", `["name"]`, `["=","name","node9"]`), `"node9.example.com"`)
}

func TestFieldsAreEchoed(t *testing.T) {
	w := dial(t, begin(t, small))
	want(t, "answer", w.call("Query", `["group",["name","nonsense"],null]`), `{"data":[[[0,"default"],[1,null]]],"fields":[`+
		`{"doc":"Group name","kind":"text","name":"name","title":"Group"},`+
		`{"doc":"Unknown field 'nonsense'","kind":"unknown","name":"nonsense","title":"nonsense"}]}`)
	want(t, "cluster query", w.rows("cluster", `["name"]`, "null"), `!["GenericError",["Query 'ItemTypeOpCode QRCluster' not supported"]]`)
	want(t, "tags", w.call("QueryTags", `["instance","nobody"]`), `!["OpPrereqError",["Instance name nobody not found","unknown_entity"]]`)
}

func TestTagOpcodes(t *testing.T) {
	m := begin(t, small)
	w := dial(t, m)
	set := func(id, list string) string {
		_, results := w.do(m, op(id, `"kind":"instance","name":"a"`, `"tags":`+list))
		return results[0] + " " + w.call("QueryTags", `["instance","a"]`)
	}
	long := strings.Repeat("t", 128)
	want(t, "set", set("TAGS_SET", `["x:1","y"]`), `null ["x:1","y"]`)
	want(t, "set again", set("TAGS_SET", `["y","`+long+`"]`), `null ["`+long+`","x:1","y"]`)
	want(t, "delete", set("TAGS_DEL", `["y","`+long+`"]`), `null ["x:1"]`)
	want(t, "delete missing", set("TAGS_DEL", `["x:1","z"]`), `["OpPrereqError",["Tag(s) 'z' not found","unknown_entity"]] ["x:1"]`)
	want(t, "delete twice", set("TAGS_DEL", `["x:1","x:1"]`), `["TagError",["Tag not found"]] ["x:1"]`)
	want(t, "too long", set("TAGS_SET", `["ok","t`+long+`"]`), `["TagError",["Tag too long (>128 characters)"]] ["x:1"]`)
	want(t, "bad", set("TAGS_SET", `["a b"]`), `["TagError",["Tag contains invalid characters"]] ["x:1"]`)
	want(t, "empty", set("TAGS_SET", `[""]`), `["TagError",["Tags cannot be empty"]] ["x:1"]`)
	want(t, "none", set("TAGS_SET", `[]`), `null ["x:1"]`)
	for _, kind := range []string{`"kind":"cluster","name":null`, `"kind":"node","name":"node2"`, `"kind":"nodegroup","name":"default"`} {
		if status, results := w.do(m, op("TAGS_SET", kind, `"tags":["k"]`)); status != success {
			t.Errorf("%s: %v", kind, results)
		}
	}
	c := m.Snapshot()
	want(t, "all kinds", strings.Join(append(append(c.Tags, c.Node("node2").Tags...), c.Group("default").Tags...), " "), "k k k")
}
