package luxitest

import (
	"encoding/json"
	"regexp"
)

// filterFields follow hs:Query/FilterRules.hs.
var filterFields = mapFields([]fieldDef[*filterRule]{
	{name: "watermark", title: "Watermark", kind: "other", doc: "Highest job ID used at the time when the filter was added",
		get: ofFilter(func(r *filterRule) any { return r.Watermark })},
	{name: "priority", title: "Priority", kind: "other", doc: "Filter priority", get: ofFilter(func(r *filterRule) any { return r.Priority })},
	{name: "predicates", title: "Predicates", kind: "other", doc: "List of filter predicates",
		get: ofFilter(func(r *filterRule) any {
			list := []any{}
			for _, p := range r.predicates {
				list = append(list, []any{p.kind, p.expr.show()})
			}
			return list
		})},
	{name: "action", title: "Action", kind: "other", doc: "Filter action", get: ofFilter((*filterRule).action)},
	{name: "reason_trail", title: "ReasonTrail", kind: "other", doc: "Reason why this filter was added",
		get: ofFilter(func(r *filterRule) any { return r.Reason })},
	{name: "uuid", title: "UUID", kind: "other", doc: "Filter ID", get: ofFilter(func(r *filterRule) any { return r.UUID })},
})

func ofFilter(get func(*filterRule) any) func(*Master, *filterRule) cell {
	return func(_ *Master, r *filterRule) cell { return normal(get(r)) }
}

// uuidForm implements hs:Utils.hs isUUID.
var uuidForm = regexp.MustCompile(`^[0-9a-fA-F]{8}-([0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}$`)

// callReplaceFilter is ReplaceFilter, which writes a new rule or replaces one.
func (m *Master) callReplaceFilter(args json.RawMessage) (any, error) {
	a, err := tuple(args, 5)
	if err != nil {
		return nil, err
	}
	r := &filterRule{}
	priority, err := nonNegative(a[1])
	if err != nil {
		return nil, unparsable("priority: %v", err)
	}
	r.Priority = int(priority.(int64))
	var predicates []json.RawMessage
	if err := strictly(a[2], &predicates); err != nil {
		return nil, unparsable("predicates are a list")
	}
	for _, raw := range predicates {
		p, err := parsePredicate(raw)
		if err != nil {
			return nil, err
		}
		r.predicates = append(r.predicates, p)
		r.Predicates = append(r.Predicates, string(raw))
	}
	if err := r.setAction(a[3]); err != nil {
		return nil, err
	}
	reason, err := reasonTrail(a[4])
	if err != nil {
		return nil, unparsable("%v", err)
	}
	r.Reason = reason.([]Reason)
	if !isNull(a[0]) {
		uuid, err := text(a[0])
		if err != nil {
			return nil, unparsable("%v", err)
		}
		if r.UUID = uuid.(string); !uuidForm.MatchString(r.UUID) {
			return nil, fail("GenericError", "Unable to parse UUID")
		}
	}
	return m.replaceFilter(r), nil
}

// setAction reads an action: a word, or ["RATE_LIMIT", n].
func (r *filterRule) setAction(raw json.RawMessage) error {
	if word, err := oneOf(FilterAccept, FilterContinue, FilterPause, FilterReject)(raw); err == nil {
		r.Action = word.(string)
		return nil
	}
	var parts []json.RawMessage
	if err := strictly(raw, &parts); err != nil || len(parts) == 0 || string(parts[0]) != `"`+FilterRateLimit+`"` {
		return unparsable("malformed FilterAction JSON: %s", raw)
	}
	if len(parts) == 2 {
		if n, err := integer(parts[1]); err == nil && n.(int64) > 0 {
			r.Action, r.Limit = FilterRateLimit, int(n.(int64))
			return nil
		}
	}
	return unparsable("RATE_LIMIT argument must be a positive integer")
}

func (m *Master) callDeleteFilter(args json.RawMessage) (any, error) {
	a, err := tuple(args, 1)
	if err != nil {
		return nil, err
	}
	uuid, err := text(a[0])
	if err != nil {
		return nil, unparsable("%v", err)
	}
	if !m.deleteFilter(uuid.(string)) {
		return nil, fail("GenericError", "Filter rule with UUID "+uuid.(string)+" does not exist")
	}
	return nil, nil
}

// callQueryFilters is the old call QueryFilters, whose rows have no statuses. No UUIDs mean all rules.
func (m *Master) callQueryFilters(args json.RawMessage) (any, error) {
	a, err := tuple(args, 2)
	if err != nil {
		return nil, err
	}
	f := &filter{}
	if !isNull(a[0]) {
		uuids, err := texts(a[0])
		if err != nil {
			return nil, unparsable("%v", err)
		}
		for _, uuid := range uuids.([]string) {
			f.op = "|"
			f.args = append(f.args, &filter{op: "=", field: "uuid", text: uuid})
		}
	}
	fields, err := texts(a[1])
	if err != nil {
		return nil, unparsable("%v", err)
	}
	return m.classic("filter", fields.([]string), f)
}
