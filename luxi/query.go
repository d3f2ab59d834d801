package luxi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Resource is a kind of object that Query can list (QR_VIA_LUXI in
// lib/constants.py).
type Resource string

// The resources of Query. For the cluster see QueryClusterInfo.
const (
	ResInstance Resource = "instance" // ResInstance: instances
	ResNode     Resource = "node"     // ResNode: nodes
	ResGroup    Resource = "group"    // ResGroup: node groups
	ResNetwork  Resource = "network"  // ResNetwork: networks
	ResJob      Resource = "job"      // ResJob: jobs; see also QueryJobs and ListJobs
	ResLock     Resource = "lock"     // ResLock: locks that are held or waited for
	ResExport   Resource = "export"   // ResExport: exports, a row for each node
	ResFilter   Resource = "filter"   // ResFilter: the job queue's filter rules
)

// FieldStatus is whether a cell has a value, and if not why (RS_* in
// lib/constants.py).
type FieldStatus int

// The statuses of a cell. Only StatusNormal comes with a value.
const (
	StatusNormal      FieldStatus = 0 // StatusNormal: there is a value
	StatusUnknown     FieldStatus = 1 // StatusUnknown: this luxid knows no such field
	StatusNoData      FieldStatus = 2 // StatusNoData: a node was asked and did not answer
	StatusUnavailable FieldStatus = 3 // StatusUnavailable: the object has no such thing
	StatusOffline     FieldStatus = 4 // StatusOffline: the node is offline and was not asked
)

// String returns the status in words.
func (s FieldStatus) String() string {
	switch s {
	case StatusNormal:
		return "normal"
	case StatusUnknown:
		return "unknown field"
	case StatusNoData:
		return "no data"
	case StatusUnavailable:
		return "unavailable"
	case StatusOffline:
		return "node offline"
	}
	return fmt.Sprintf("status %d", int(s))
}

// Field describes a column of a Table (FieldDefinition in
// src/Ganeti/Query/Language.hs).
type Field struct {
	Name  string // Name is the field's name as it was asked for.
	Title string // Title is a heading for people.
	Kind  string // Kind is unknown, text, bool, number, float, unit, timestamp or other.
	Doc   string // Doc is a sentence about the field.
}

// Cell is one field of one row, as luxid sent it.
type Cell struct {
	Status FieldStatus // Status is whether there is a value.
	// Value is the JSON value if Status is StatusNormal, and nil otherwise.
	Value json.RawMessage
}

// errCell is returned for a cell that is not a pair of a status and what goes
// with that status.
var errCell = errors.New("cell is not [status, value]")

// parseCell reads the pair [status, value].
func parseCell(raw json.RawMessage) (Cell, error) {
	var two [2]json.RawMessage
	pair, err := elements(two[:0], raw)
	if err != nil || len(pair) != 2 || len(pair[0]) != 1 || pair[0][0] < '0' || pair[0][0] > '4' {
		return Cell{}, fmt.Errorf("%w: %s", errCell, excerpt(raw))
	}
	s := FieldStatus(pair[0][0] - '0')
	if s == StatusNormal {
		return Cell{Status: s, Value: pair[1]}, nil
	}
	if string(pair[1]) != "null" {
		return Cell{}, fmt.Errorf("%w, but has both a value and status %d: %s", errCell, int(s), excerpt(raw))
	}
	return Cell{Status: s}, nil
}

// Value is a destination for Table.Scan that takes a cell whatever its status.
// V is the zero value unless Status is StatusNormal.
type Value[T any] struct {
	Status FieldStatus // Status is the cell's.
	V      T           // V is the value.
}

// Get returns the value and whether there is one.
func (v Value[T]) Get() (T, bool) { return v.V, v.Status == StatusNormal }

// setCell lets Scan fill a Value without knowing its type parameter.
func (v *Value[T]) setCell(c Cell) error {
	out := Value[T]{Status: c.Status}
	if c.Status == StatusNormal {
		if err := decode(c.Value, &out.V); err != nil {
			return err
		}
	}
	*v = out
	return nil
}

type cellSetter interface{ setCell(Cell) error }

// errNoValue is the Err of a FieldError for a cell without a value.
var errNoValue = errors.New("no value")

// FieldError is a cell that does not fit where it was to be stored: it has no
// value, or one of another type.
type FieldError struct {
	Resource Resource    // Resource is what was queried.
	Field    string      // Field is the name of the field.
	Status   FieldStatus // Status is the cell's; StatusNormal if the value is at fault.
	Row      int         // Row is the number of the row, from 0.
	Err      error       // Err is what is wrong; never nil.
}

// Error returns row, field and what is wrong.
func (e *FieldError) Error() string {
	s := fmt.Sprintf("luxi: %s query: row %d, field %s: ", e.Resource, e.Row, e.Field)
	if e.Status != StatusNormal {
		return s + e.Status.String()
	}
	return s + e.Err.Error()
}

// Unwrap returns the reason.
func (e *FieldError) Unwrap() error { return e.Err }

// Table is the result of a Query. Every row has one cell for each field.
type Table struct {
	Resource Resource // Resource is what was queried.
	Fields   []Field  // Fields are the columns, as asked for.
	Rows     [][]Cell // Rows are the objects.
}

// Query lists objects of one kind. The result has exactly the fields asked
// for, in that order; the rows are in luxid's order (by name; jobs by id).
//
// A field that luxid does not know is not an error of Query: its cells have
// StatusUnknown, and Scan reports them. A filter that names an unknown field,
// or compares with a value of the wrong type, is an Error of class
// ParameterError. Fields that must be asked from the nodes (instance: status,
// oper_state, oper_ram, oper_vcpus, console; node: free and total memory, disk
// and CPUs) make luxid call them, which takes 5 s when a node is dead and 60 s
// when one hangs. The place (pnode, snodes) of 10,000 instances takes 10 s and more.
func (c *Client) Query(ctx context.Context, what Resource, fields []string, filter Filter) (*Table, error) {
	var t *Table
	err := c.query(ctx, what, fields, filter, func(got *Table) error {
		t = got
		return nil
	})
	return t, err
}

// query runs Query and has check look at the table. A ProtocolError of check closes
// the connection, as any other does.
func (c *Client) query(ctx context.Context, what Resource, fields []string, filter Filter, check func(*Table) error) error {
	if fields == nil {
		fields = []string{}
	}
	return c.call(ctx, "Query", []any{what, fields, filter}, queryTime, func(raw json.RawMessage) error {
		t, err := parseTable(what, fields, raw)
		if err != nil {
			return &ProtocolError{Method: "Query", Problem: err.Error()}
		}
		return check(t)
	})
}

// parseTable decodes the result of Query (QueryResult in
// src/Ganeti/Query/Language.hs) and checks its shape against the request.
func parseTable(what Resource, fields []string, raw json.RawMessage) (*Table, error) {
	m, err := object(raw)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"fields", "data"} {
		if _, ok := m[key]; !ok {
			return nil, fmt.Errorf("no key %q", key)
		}
	}
	t := &Table{Resource: what}
	if err := decode(m["fields"], &t.Fields); err != nil {
		return nil, fmt.Errorf("fields: %w", err)
	}
	if len(t.Fields) != len(fields) {
		return nil, fmt.Errorf("%d fields instead of %d", len(t.Fields), len(fields))
	}
	for i, f := range t.Fields {
		if f.Name != fields[i] {
			return nil, fmt.Errorf("field %d is %q instead of %q", i, f.Name, fields[i])
		}
	}
	rows, err := elements(nil, m["data"])
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	t.Rows = make([][]Cell, len(rows))
	all := make([]Cell, 0, len(rows)*len(fields))
	var cells []json.RawMessage
	for i, raw := range rows {
		var err error
		cells, err = elements(cells[:0], raw)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i, err)
		}
		if len(cells) != len(fields) {
			return nil, fmt.Errorf("row %d has %d cells instead of %d", i, len(cells), len(fields))
		}
		begin := len(all)
		for k, raw := range cells {
			cell, err := parseCell(raw)
			if err != nil {
				return nil, fmt.Errorf("row %d, field %s: %w", i, fields[k], err)
			}
			all = append(all, cell)
		}
		t.Rows[i] = all[begin:len(all):len(all)]
	}
	return t, nil
}

// Scan stores the cells of one row in the values dst points to, one for each
// field. A destination may be
//
//   - a pointer to a Value or a Cell, which take every status,
//   - a pointer to anything else that JSON can be decoded to: then a cell
//     without a value is a *FieldError, as is a value of another type, or a
//     null anywhere that Go would turn into a zero value,
//   - nil, to skip the field.
//
// After an error the destinations before the one concerned have been set.
func (t *Table) Scan(row int, dst ...any) error {
	if row < 0 || row >= len(t.Rows) {
		return fmt.Errorf("luxi: %s query: there is no row %d", t.Resource, row)
	}
	cells := t.Rows[row]
	if len(dst) != len(cells) {
		return fmt.Errorf("luxi: %s query: %d destinations for %d fields", t.Resource, len(dst), len(cells))
	}
	for i, d := range dst {
		if err := scanCell(cells[i], d); err != nil {
			return &FieldError{Resource: t.Resource, Field: t.Fields[i].Name, Status: cells[i].Status, Row: row, Err: err}
		}
	}
	return nil
}

func scanCell(c Cell, dst any) error {
	switch d := dst.(type) {
	case nil:
		return nil
	case *Cell:
		*d = c
		return nil
	case cellSetter:
		return d.setCell(c)
	}
	if c.Status != StatusNormal {
		return errNoValue
	}
	return decode(c.Value, dst)
}
