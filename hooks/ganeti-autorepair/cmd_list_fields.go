package main

import (
	"fmt"

	"ganeti-autorepair/plugin/report"
)

// listFieldsCmd is "ganeti-autorepair list-fields".
type listFieldsCmd struct {
	Fields   []string `arg:"" optional:"" name:"field" help:"Only these fields."`
	Nodes    bool     `xor:"of" help:"List the columns that nodes can show instead."`
	Rehearse bool     `xor:"of" help:"List those of rehearse instead of status."`
	layoutFlags
}

// fieldRow describes a field.
type fieldRow struct{ name, title, doc string }

func fieldRows[T any](fields []field[T]) []fieldRow {
	var rows []fieldRow
	for _, f := range fields {
		rows = append(rows, fieldRow{f.name, f.title, f.doc})
	}
	return rows
}

// Run lists the fields that "status -o", "nodes -o" or "rehearse -o" takes.
func (cmd *listFieldsCmd) Run(e *env) error {
	rows := fieldRows[report.View](statusFields(e.now()))
	switch {
	case cmd.Nodes:
		rows = fieldRows(nodeFields())
	case cmd.Rehearse:
		rows = fieldRows[report.RehearsalView](rehearseFields())
	}
	if len(cmd.Fields) > 0 {
		byName, names := make(map[string]fieldRow), []string(nil)
		for _, r := range rows {
			byName[r.name], names = r, append(names, r.name)
		}
		rows = nil
		for _, name := range cmd.Fields {
			r, known := byName[name]
			if !known {
				return &hintError{code: exitUsage, err: fmt.Errorf("unknown field %q%s", name, didYouMean(name, names)), hint: "ganeti-autorepair list-fields"}
			}
			rows = append(rows, r)
		}
	}
	writeRows(e.stdout, e.screen, cmd.layoutFlags, []field[fieldRow]{
		{name: "name", title: "Name", value: func(r fieldRow) string { return r.name }},
		{name: "title", title: "Title", value: func(r fieldRow) string { return r.title }},
		{name: "description", title: "Description", value: func(r fieldRow) string { return r.doc }},
	}, rows)
	return nil
}
