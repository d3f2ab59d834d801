package main

import "fmt"

// listFieldsCmd is "ganeti-autorepair list-fields".
type listFieldsCmd struct {
	Fields []string `arg:"" optional:"" name:"field" help:"Only these fields."`
	Nodes  bool     `help:"List the columns that nodes can show instead."`
	layoutFlags
}

// Run lists the fields that "status -o" takes, or "nodes -o".
func (cmd *listFieldsCmd) Run(e *env) error {
	type row struct{ name, title, doc string }
	var rows []row
	if cmd.Nodes {
		for _, f := range nodeFields() {
			rows = append(rows, row{f.name, f.title, f.doc})
		}
	} else {
		for _, f := range statusFields(e.now()) {
			rows = append(rows, row{f.name, f.title, f.doc})
		}
	}
	if len(cmd.Fields) > 0 {
		known := make(map[string]row)
		var names []string
		for _, r := range rows {
			known[r.name] = r
			names = append(names, r.name)
		}
		rows = nil
		for _, name := range cmd.Fields {
			r, is := known[name]
			if !is {
				return &hintError{code: exitUsage, err: fmt.Errorf("unknown field %q%s", name, didYouMean(name, names)), hint: "ganeti-autorepair list-fields"}
			}
			rows = append(rows, r)
		}
	}
	writeRows(e.stdout, e.screen, cmd.layoutFlags, []field[row]{
		{name: "name", title: "Name", value: func(r row) string { return r.name }},
		{name: "title", title: "Title", value: func(r row) string { return r.title }},
		{name: "description", title: "Description", value: func(r row) string { return r.doc }},
	}, rows)
	return nil
}
