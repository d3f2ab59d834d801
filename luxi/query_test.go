package luxi_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"ganeti-autorepair/luxi"
)

// columns returns the "fields" of a result of Query.
func columns(names ...string) string {
	fields := make([]string, len(names))
	for i, n := range names {
		fields[i] = `{"name":"` + n + `","title":"T","kind":"text","doc":"D."}`
	}
	return "[" + strings.Join(fields, ",") + "]"
}

func TestQuery(t *testing.T) {
	s, c := serve(t, luxi.Options{}, answerOK(`{"fields":`+columns("name", "snodes", "oper_ram")+`,"data":[
		[[0,"i1"],[0,[]],[0,128]],
		[ [ 0 , "i2" ] , [0,["n2","n,3"]], [4,null]],
		[[0,"i3"],[3,null],[2,null]]]}`))
	table, err := c.Query(context.Background(), luxi.ResInstance, []string{"name", "snodes", "oper_ram"}, luxi.Eq("pnode", "n1"))
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := s.seen(); got[0] != `{"method":"Query","args":["instance",["name","snodes","oper_ram"],["=","pnode","n1"]]}` {
		t.Errorf("sent %s", got[0])
	}
	if table.Resource != luxi.ResInstance || len(table.Fields) != 3 || len(table.Rows) != 3 {
		t.Fatalf("got %+v", table)
	}
	if want := (luxi.Field{Name: "snodes", Title: "T", Kind: "text", Doc: "D."}); table.Fields[1] != want {
		t.Errorf("field %+v, want %+v", table.Fields[1], want)
	}
	wants := [][]luxi.Cell{
		{{Value: []byte(`"i1"`)}, {Value: []byte(`[]`)}, {Value: []byte(`128`)}},
		{{Value: []byte(`"i2"`)}, {Value: []byte(`["n2","n,3"]`)}, {Status: luxi.StatusOffline}},
		{{Value: []byte(`"i3"`)}, {Status: luxi.StatusUnavailable}, {Status: luxi.StatusNoData}},
	}
	if !reflect.DeepEqual(table.Rows, wants) {
		t.Errorf("rows %+v, want %+v", table.Rows, wants)
	}
}

func TestQueryShape(t *testing.T) {
	for _, result := range []string{
		`null`,
		`[]`,
		`{}`,
		`{"fields":` + columns("a", "b") + `}`,
		`{"data":[]}`,
		`{"fields":null,"data":[]}`,
		`{"fields":[null,null],"data":[]}`,
		`{"fields":["a","b"],"data":[]}`,
		`{"fields":` + columns("a") + `,"data":[]}`,
		`{"fields":` + columns("a", "b", "c") + `,"data":[]}`,
		`{"fields":` + columns("b", "a") + `,"data":[]}`,
		`{"fields":` + columns("a", "") + `,"data":[]}`,
		`{"fields":[{"name":"a"},{"name":null}],"data":[]}`,
		`{"fields":` + columns("a", "b") + `,"data":null}`,
		`{"fields":` + columns("a", "b") + `,"data":{}}`,
		`{"fields":` + columns("a", "b") + `,"data":[null]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[0,1],[0,1]],[[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[0,1],[0,1],[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[0,1],null]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[["x",[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[0,[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[],[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[0],[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[0,1,2],[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[["0",1],[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[5,null],[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[-1,null],[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[null,null],[0,1]]]}`,
		`{"fields":` + columns("a", "b") + `,"data":[[[3,"value"],[0,1]]]}`,
	} {
		_, c := serve(t, luxi.Options{}, answerOK(result))
		table, err := c.Query(context.Background(), luxi.ResInstance, []string{"a", "b"}, nil)
		var proto *luxi.ProtocolError
		if !errors.As(err, &proto) || table != nil {
			t.Errorf("%s: %v, %v", result, table, err)
		}
	}
}

func TestQueryWithoutFields(t *testing.T) {
	for _, tt := range []struct {
		data string
		rows int
	}{{"[]", 0}, {"[[],[]]", 2}, {"[null]", -1}} {
		s, c := serve(t, luxi.Options{}, answerOK(`{"fields":[],"data":`+tt.data+`}`))
		table, err := c.Query(context.Background(), luxi.ResInstance, nil, nil)
		if tt.rows < 0 != (err != nil) || err == nil && len(table.Rows) != tt.rows {
			t.Errorf("%s: %v, %v", tt.data, table, err)
		}
		if got, _ := s.seen(); got[0] != `{"method":"Query","args":["instance",[],null]}` {
			t.Errorf("sent %s", got[0])
		}
	}
}

// table returns a table of one row with the given cells.
func table(cells ...luxi.Cell) *luxi.Table {
	t := &luxi.Table{Resource: luxi.ResNode, Rows: [][]luxi.Cell{cells}}
	for i := range cells {
		t.Fields = append(t.Fields, luxi.Field{Name: string(rune('a' + i))})
	}
	return t
}

func TestScan(t *testing.T) {
	normal := func(v string) luxi.Cell { return luxi.Cell{Value: json.RawMessage(v)} }
	type strct struct{ A, B string }
	for _, tt := range []struct {
		cell luxi.Cell
		dst  any // pointer
		want any // nil for an error
	}{
		{normal(`"x"`), new(string), "x"},
		{normal(`""`), new(string), ""},
		{normal(`true`), new(bool), true},
		{normal(`1790000000123456789`), new(int64), int64(1790000000123456789)},
		{normal(`1`), new(float64), 1.0},
		{normal(`["a","b"]`), new([]string), []string{"a", "b"}},
		{normal(`[]`), new([]string), []string{}},
		{normal(`{"A":"1"}`), new(strct), strct{A: "1"}},
		{normal(`"x"`), new(json.RawMessage), json.RawMessage(`"x"`)},
		{normal(`null`), new(json.RawMessage), json.RawMessage(`null`)},
		{normal(`null`), new(*string), (*string)(nil)},
		{normal(`"x"`), new(luxi.Cell), normal(`"x"`)},
		{normal(`"x"`), new(luxi.Value[string]), luxi.Value[string]{V: "x"}},
		{normal(`[1,2]`), new(luxi.Value[[2]int]), luxi.Value[[2]int]{V: [2]int{1, 2}}},
		{luxi.Cell{Status: luxi.StatusOffline}, new(luxi.Value[string]), luxi.Value[string]{Status: luxi.StatusOffline}},
		{luxi.Cell{Status: luxi.StatusUnknown}, new(luxi.Cell), luxi.Cell{Status: luxi.StatusUnknown}},
		{luxi.Cell{Status: luxi.StatusNoData}, &luxi.Value[string]{V: "stale"}, luxi.Value[string]{Status: luxi.StatusNoData}},

		{luxi.Cell{Status: luxi.StatusUnknown}, new(string), nil},
		{luxi.Cell{Status: luxi.StatusNoData}, new(string), nil},
		{luxi.Cell{Status: luxi.StatusUnavailable}, new([]string), nil},
		{luxi.Cell{Status: luxi.StatusOffline}, new(json.RawMessage), nil},
		{luxi.Cell{Status: luxi.StatusOffline}, new(*string), nil},
		{normal(`null`), new(string), nil},
		{normal(`null`), new([]string), nil},
		{normal(`null`), new(luxi.Value[string]), nil},
		{normal(`["a",null]`), new([]string), nil},
		{normal(`{"A":null}`), new(strct), nil},
		{normal(`1`), new(string), nil},
		{normal(`"1"`), new(int64), nil},
		{normal(`1.5`), new(int64), nil},
		{normal(`[1]`), new([2]int), nil},
		{normal(`"x"`), "no pointer", nil},
	} {
		err := table(tt.cell).Scan(0, tt.dst)
		if tt.want == nil {
			var fe *luxi.FieldError
			if !errors.As(err, &fe) {
				t.Errorf("%s into %T: %v", tt.cell.Value, tt.dst, err)
				continue
			}
			if fe.Resource != luxi.ResNode || fe.Field != "a" || fe.Status != tt.cell.Status || fe.Row != 0 || fe.Err == nil {
				t.Errorf("%s into %T: %#v", tt.cell.Value, tt.dst, fe)
			}
			continue
		}
		if got := reflect.ValueOf(tt.dst).Elem().Interface(); err != nil || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s into %T: %v, %v", tt.cell.Value, tt.dst, got, err)
		}
	}
}

func TestScanRow(t *testing.T) {
	tb := table(luxi.Cell{Value: []byte(`"x"`)}, luxi.Cell{Value: []byte(`1`)})
	var s string
	var n int
	if err := tb.Scan(0, &s, &n); err != nil || s != "x" || n != 1 {
		t.Errorf("got %q, %d, %v", s, n, err)
	}
	if err := tb.Scan(0, nil, &n); err != nil {
		t.Errorf("skipping a field: %v", err)
	}
	for _, err := range []error{tb.Scan(0, &s), tb.Scan(0, &s, &n, &n), tb.Scan(1, &s, &n), tb.Scan(-1, &s, &n)} {
		if err == nil {
			t.Error("no error for a wrong count or row")
		}
	}
	var first []string
	tags := &luxi.Table{Fields: []luxi.Field{{Name: "tags"}}, Rows: [][]luxi.Cell{{{Value: []byte(`["a"]`)}}, {{Value: []byte(`["b"]`)}}}}
	var row []string
	for i := range tags.Rows {
		if err := tags.Scan(i, &row); err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = row
		}
	}
	if first[0] != "a" {
		t.Errorf("the first row became %q", first)
	}
}

func TestValueGet(t *testing.T) {
	if v, ok := (luxi.Value[int]{V: 5}).Get(); v != 5 || !ok {
		t.Errorf("got %d, %t", v, ok)
	}
	for s := luxi.StatusUnknown; s <= luxi.StatusOffline; s++ {
		if _, ok := (luxi.Value[int]{Status: s}).Get(); ok {
			t.Errorf("a value with status %v", s)
		}
		if s.String() == "" || s.String() == luxi.StatusNormal.String() {
			t.Errorf("status %d is called %q", int(s), s)
		}
	}
}
