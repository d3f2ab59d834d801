package luxitest

import (
	"encoding/json"
	"strings"
)

// callClassicQuery is QueryInstances, QueryNodes and QueryGroups.
func (m *Master) callClassicQuery(method string, args json.RawMessage) (any, error) {
	a, err := tuple(args, 3)
	if err != nil {
		return nil, err
	}
	names, err1 := texts(a[0])
	fields, err2 := texts(a[1])
	locking, err3 := boolean(a[2])
	if err1 != nil || err2 != nil || err3 != nil {
		return nil, unparsable("names, fields and use_locking expected")
	}
	if locking.(bool) {
		return nil, fail("OpPrereqError", "Sync queries are not allowed", codeInval)
	}
	f := &filter{}
	if list := names.([]string); len(list) > 0 {
		f.op = "|"
		for _, field := range []string{"name", "uuid"} {
			for _, name := range list {
				f.args = append(f.args, &filter{op: "=", field: field, text: name})
			}
		}
	}
	what := map[string]string{"QueryInstances": "instance", "QueryNodes": "node", "QueryGroups": "group"}[method]
	return m.classic(what, fields.([]string), f)
}

// classic implements hs:Query/Query.hs queryCompat.
func (m *Master) classic(what string, fields []string, f *filter) (any, error) {
	t, err := m.query(what, fields, f)
	if err != nil {
		return nil, err
	}
	var unknown []string
	for _, d := range t.fields {
		if d["kind"] == "unknown" {
			unknown = append(unknown, d["name"].(string))
		}
	}
	if unknown != nil {
		return nil, fail("OpPrereqError", "Unknown output fields selected: "+strings.Join(unknown, ", "), codeInval)
	}
	rows := [][]any{}
	for _, row := range t.rows {
		values := []any{}
		for _, c := range row {
			values = append(values, c.value)
		}
		rows = append(rows, values)
	}
	return rows, nil
}
