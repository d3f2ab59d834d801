package luxitest

import (
	"encoding/json"
	"errors"
	"sort"
	"strconv"
	"strings"
)

// Statuses of a cell in the answer to a query (constants.RS_*).
const (
	rsNormal = iota
	rsUnknown
	rsNoData
	rsUnavail
	rsOffline
)

// cell is one field of one row.
type cell struct {
	status int
	value  any
}

// MarshalJSON renders the pair that Query answers with.
func (c cell) MarshalJSON() ([]byte, error) { return marshal([]any{c.status, c.value}) }

func normal(v any) cell { return cell{rsNormal, v} }

// fieldDef describes a field of a resource, as hs:Query/*.hs do.
type fieldDef[T any] struct {
	name, title, kind, doc string
	hostname               bool // equality matches short host names (QffHostname)
	timestamp              bool // filters see the seconds only (QffTimestamp)
	live                   bool // nodes are asked (FieldRuntime)
	get                    func(m *Master, object T) cell
}

type fieldMap[T any] map[string]fieldDef[T]

func mapFields[T any](defs []fieldDef[T]) fieldMap[T] {
	fields := make(fieldMap[T], len(defs))
	for _, d := range defs {
		fields[d.name] = d
	}
	return fields
}

func (d fieldDef[T]) definition() map[string]any {
	return map[string]any{"name": d.name, "title": d.title, "kind": d.kind, "doc": d.doc}
}

// get returns a field, or the definition of an unknown one (hs:Query/Query.hs mkUnknownFDef).
func (f fieldMap[T]) get(name string) fieldDef[T] {
	if d, ok := f[name]; ok {
		return d
	}
	return fieldDef[T]{
		name: name, title: name, kind: "unknown", doc: "Unknown field '" + name + "'",
		get: func(*Master, T) cell { return cell{rsUnknown, nil} },
	}
}

// table is the answer to a query before it is rendered.
type table struct {
	fields []map[string]any
	rows   [][]cell
}

// runQuery selects objects and their fields: hs:Query/Query.hs genericQuery.
func runQuery[T any](m *Master, defs fieldMap[T], objects []T, fields []string, f *filter) (*table, error) {
	for _, name := range f.fields() {
		if _, ok := defs[name]; !ok {
			return nil, fail("ParameterError", "Can't find field named '"+name+"'")
		}
	}
	t := &table{fields: []map[string]any{}, rows: [][]cell{}}
	for _, name := range fields {
		t.fields = append(t.fields, defs.get(name).definition())
	}
	// Which nodes are asked is decided by what the filter says without them.
	objects, err := selected(m, defs, objects, f, false)
	if err != nil {
		return nil, err
	}
	m.ask(objects)
	if objects, err = selected(m, defs, objects, f, true); err != nil {
		return nil, err
	}
	for _, o := range objects {
		row := []cell{}
		for _, name := range fields {
			row = append(row, defs.get(name).get(m, o))
		}
		t.rows = append(t.rows, row)
	}
	return t, nil
}

// errLive is a filter that cannot be evaluated before nodes are asked.
var errLive = errors.New("live data needed")

// selected returns the objects that the filter matches (hs:Query/Filter.hs evaluateQueryFilter). Without live data those
// count as well of which it cannot tell.
func selected[T any](m *Master, defs fieldMap[T], objects []T, f *filter, live bool) ([]T, error) {
	var list []T
	for _, o := range objects {
		ok, err := f.evaluate(func(leaf *filter) (bool, error) {
			d := defs[leaf.field]
			if d.live && !live {
				return false, errLive
			}
			c := d.get(m, o)
			if c.status != rsNormal {
				return true, nil // nothing to compare with: accepted
			}
			if ts, ok := c.value.([]int64); ok && d.timestamp {
				c.value = ts[0]
			}
			return leaf.compare(c.value, d.hostname)
		})
		if err != nil && err != errLive {
			return nil, err
		}
		if ok || err != nil {
			list = append(list, o)
		}
	}
	return list, nil
}

// ask notes which nodes a query for instances asks: the primary nodes of the instances it is about, and no others
// (hs:Query/Instance.hs collectLiveData). What runs elsewhere is found if it happens to be on one of them.
func (m *Master) ask(objects any) {
	instances, ok := objects.([]*Instance)
	if !ok {
		return
	}
	m.asked = make(map[string]bool)
	for _, i := range instances {
		m.asked[i.Primary] = true
	}
}

// callQuery is the call Query.
func (m *Master) callQuery(args json.RawMessage) (any, error) {
	a, err := tuple(args, 3)
	if err != nil {
		return nil, err
	}
	what, err1 := oneOf("instance", "node", "group", "job", "lock", "cluster", "os", "export", "network", "filter")(a[0])
	fields, err2 := texts(a[1])
	if err1 != nil || err2 != nil {
		return nil, unparsable("Can't parse the query's resource or fields: %s %s", a[0], a[1])
	}
	f, err := parseFilter(a[2])
	if err != nil {
		return nil, err
	}
	t, err := m.query(what.(string), fields.([]string), f)
	if err != nil {
		return nil, err
	}
	return map[string]any{"fields": t.fields, "data": t.rows}, nil
}

func (m *Master) query(what string, fields []string, f *filter) (*table, error) {
	switch what {
	case "instance":
		objects, err := selectNamed(m.cluster.Instances, f, (*Instance).niceName, m.lookupInstance)
		if err != nil {
			return nil, err
		}
		return runQuery(m, instanceFields, objects, fields, f)
	case "node":
		objects, err := selectNamed(m.cluster.Nodes, f, func(n *Node) string { return n.Name }, m.lookupNode)
		if err != nil {
			return nil, err
		}
		return runQuery(m, nodeFields, objects, fields, f)
	case "group":
		objects, err := selectNamed(m.cluster.Groups, f, func(g *Group) string { return g.Name }, m.lookupGroup)
		if err != nil {
			return nil, err
		}
		return runQuery(m, groupFields, objects, fields, f)
	case "lock":
		return runQuery(m, lockFields, m.locks.lockInfos(), fields, f)
	case "filter":
		rules := append([]*filterRule(nil), m.filters...)
		sort.SliceStable(rules, func(a, b int) bool { return niceLess(rules[a].UUID, rules[b].UUID) })
		return runQuery(m, filterFields, rules, fields, f)
	case "job":
		rows, err := m.selectJobs(fields, f)
		if err != nil {
			return nil, err
		}
		return runQuery(m, jobFields, rows, fields, f)
	}
	return nil, fail("GenericError", "Query 'ItemTypeOpCode QR"+strings.ToUpper(what[:1])+what[1:]+"' not supported")
}

func (i *Instance) niceName() string { return i.Name }

// selectNamed returns all objects in order of their names or, for a filter that only asks for names, these objects;
// then one unknown name fails the whole query.
func selectNamed[T any](all []T, f *filter, name func(T) string, lookup func(string) (T, error)) ([]T, error) {
	values, _ := f.requestedNames("name")
	var names []*filter
	for _, v := range values {
		if v.num == nil { // hs:Query/Query.hs getAllQuotedStrings
			names = append(names, v)
		}
	}
	if len(names) == 0 {
		list := append([]T(nil), all...)
		sort.SliceStable(list, func(a, b int) bool { return niceLess(name(list[a]), name(list[b])) })
		return list, nil
	}
	var list []T
	for _, n := range names {
		o, err := lookup(n.text)
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return list, nil
}

// The lookups of hs:Config.hs getInstance, getNode and getGroup: by UUID or by name, which may be short.

func (m *Master) lookupInstance(key string) (*Instance, error) {
	if i := m.cluster.instanceByUUID(key); i != nil {
		return i, nil
	}
	if i := m.cluster.expandInstance(key); i != nil {
		return i, nil
	}
	return nil, notFound("Instance", key)
}

func (m *Master) lookupNode(key string) (*Node, error) {
	if n := m.cluster.nodeByUUID(key); n != nil {
		return n, nil
	}
	if n := m.cluster.expandNode(key); n != nil {
		return n, nil
	}
	return nil, notFound("Node", key)
}

func (m *Master) lookupGroup(key string) (*Group, error) {
	var names []string
	for _, g := range m.cluster.Groups {
		if g.UUID == key {
			return g, nil
		}
		names = append(names, g.Name)
	}
	if name, ok := matchName(key, names); ok {
		return m.cluster.Group(name), nil
	}
	return nil, notFound("NodeGroup", key)
}

// selectJobs finds the jobs a query is about: hs:Query/Query.hs queryJobs.
func (m *Master) selectJobs(fields []string, f *filter) ([]jobRow, error) {
	var rows []jobRow
	wanted, ok := f.requestedNames("id")
	if ok && len(wanted) > 0 {
		seen := make(map[int64]bool)
		for _, w := range wanted {
			id, err := w.jobID()
			if err != nil {
				return nil, err
			}
			if !seen[id] {
				seen[id] = true
				rows = append(rows, jobRow{id, m.existing(id)})
			}
		}
		return rows, nil
	}
	archived := contains(fields, "archived")
	for _, j := range m.sortedJobs() {
		if !j.purged && (!j.archived || archived) {
			rows = append(rows, jobRow{j.id, j})
		}
	}
	return rows, nil
}

// existing returns the job if it has a file, archived or not.
func (m *Master) existing(id int64) *job {
	if j := m.jobs[id]; j != nil && !j.purged {
		return j
	}
	return nil
}

// jobID reads the id a filter asks for.
func (f *filter) jobID() (int64, error) {
	if f.num != nil {
		if f.num.Sign() < 0 {
			return 0, fail("GenericError", "Invalid value for job ID ' "+f.num.String()+"'")
		}
		return f.num.Int64(), nil
	}
	id, err := strconv.ParseInt(f.text, 10, 64)
	if err != nil || id < 0 {
		return 0, fail("GenericError", "parsing job id: cannot parse string '"+f.text+"'")
	}
	return id, nil
}

// callQueryJobs is the old call QueryJobs, whose rows have no statuses. No ids mean all jobs.
func (m *Master) callQueryJobs(args json.RawMessage) (any, error) {
	a, err := tuple(args, 2)
	if err != nil {
		return nil, err
	}
	f := &filter{op: "|"}
	if !isNull(a[0]) {
		var ids []json.RawMessage
		if err := strictly(a[0], &ids); err != nil {
			return nil, unparsable("ids of jobs are a list")
		}
		for _, raw := range ids {
			id, err := absoluteID(raw)
			if err != nil {
				return nil, err
			}
			leaf, _ := parseLeaf("=", json.RawMessage(`"id"`), json.RawMessage(itoa(id)))
			f.args = append(f.args, leaf)
		}
	}
	if len(f.args) == 0 {
		f = &filter{}
	}
	fields, err := texts(a[1])
	if err != nil {
		return nil, unparsable("%v", err)
	}
	return m.classic("job", fields.([]string), f)
}

// niceLess orders names as utils.NiceSort does: digits by their value.
func niceLess(a, b string) bool {
	for a != "" && b != "" {
		x, y := niceChunk(a), niceChunk(b)
		if x != y {
			m, err1 := strconv.Atoi(x)
			n, err2 := strconv.Atoi(y)
			if err1 == nil && err2 == nil && m != n {
				return m < n
			}
			return x < y
		}
		a, b = a[len(x):], b[len(y):]
	}
	return len(a) < len(b)
}

// niceChunk returns the leading digits, or everything up to the first digit.
func niceChunk(s string) string {
	isDigit := func(c byte) bool { return c >= '0' && c <= '9' }
	n := 1
	for n < len(s) && isDigit(s[n]) == isDigit(s[0]) {
		n++
	}
	return s[:n]
}

func niceSorted(names []string) []string {
	list := append([]string{}, names...)
	sort.SliceStable(list, func(a, b int) bool { return niceLess(list[a], list[b]) })
	return list
}
