package main

import "fmt"

// listFieldsCmd is "ganeti-autorepair list-fields".
type listFieldsCmd struct {
	Fields []string `arg:"" optional:"" name:"field" help:"Only these fields."`
	layoutFlags
}

// Run lists the fields that "status -o" takes.
func (cmd *listFieldsCmd) Run(e *env) error {
	type row struct{ name, title, doc string }
	var rows []row
	for _, f := range statusFields(e.now()) {
		rows = append(rows, row{f.name, f.title, f.doc})
	}
	if len(cmd.Fields) > 0 {
		var some []row
		for _, name := range cmd.Fields {
			f := fieldNamed(statusFields(e.now()), name)
			if f == nil {
				return &hintError{code: exitUsage, err: fmt.Errorf("unknown field %q%s", name, didYouMean(name, fieldNames(statusFields(e.now())))), hint: "ganeti-autorepair list-fields"}
			}
			some = append(some, row{f.name, f.title, f.doc})
		}
		rows = some
	}
	writeRows(e.stdout, e.screen, cmd.layoutFlags, []field[row]{
		{name: "name", title: "Name", value: func(r row) string { return r.name }},
		{name: "title", title: "Title", value: func(r row) string { return r.title }},
		{name: "description", title: "Description", value: func(r row) string { return r.doc }},
	}, rows)
	return nil
}
