package luxi

import "errors"

// Filter selects the rows of a query: a list of an operator and its operands,
// as in src/Ganeti/Query/Language.hs. A nil Filter selects everything.
//
// Values to compare with are strings or integers and must be of the type the
// field has, otherwise luxid refuses the query with a ParameterError. A field
// that has no value for some row (its status is not StatusNormal) passes every
// comparison (wrapGetter in src/Ganeti/Query/Filter.hs), so the rows that come
// back may have to be looked at again.
//
// A query for instances, nodes or groups whose filter is only Eq on "name", or
// an Or of such, is taken for a look-up by name: one unknown name fails the
// whole query with ErrUnknownEntity (requestedNames in
// src/Ganeti/Query/Filter.hs). AnyOf avoids that.
type Filter []any

// errOperand is reported by the call that uses a faulty filter.
var errOperand = errors.New("filter: an operand is missing")

// invalid stands in a filter for something that must not be sent. Encoding the
// request fails on it.
type invalid struct{}

// MarshalJSON always fails.
func (invalid) MarshalJSON() ([]byte, error) { return nil, errOperand }

// And matches what all operands match. It needs at least one, and none may be
// nil: the query fails otherwise, rather than select more than was meant.
func And(f ...Filter) Filter {
	if len(f) == 0 {
		return Filter{invalid{}}
	}
	return join("&", f)
}

// Or matches what any operand matches; without operands it matches nothing. An
// operand that is nil makes the query fail.
func Or(f ...Filter) Filter { return join("|", f) }

// Not matches what f does not match. A nil f makes the query fail.
func Not(f Filter) Filter { return join("!", []Filter{f}) }

func join(op string, operands []Filter) Filter {
	out := Filter{op}
	for _, f := range operands {
		if f == nil {
			out = append(out, invalid{})
			continue
		}
		out = append(out, f)
	}
	return out
}

// Eq matches rows whose field equals v. On the fields name and pnode of
// instances and nodes, luxid lets a short host name match the full one.
func Eq(field string, v any) Filter { return Filter{"=", field, v} }

// Ne matches rows whose field differs from v.
func Ne(field string, v any) Filter { return Filter{"!=", field, v} }

// Lt matches rows whose field is less than v.
func Lt(field string, v any) Filter { return Filter{"<", field, v} }

// Le matches rows whose field is at most v.
func Le(field string, v any) Filter { return Filter{"<=", field, v} }

// Gt matches rows whose field is greater than v.
func Gt(field string, v any) Filter { return Filter{">", field, v} }

// Ge matches rows whose field is at least v.
func Ge(field string, v any) Filter { return Filter{">=", field, v} }

// Contains matches rows in whose list field v occurs.
func Contains(field string, v any) Filter { return Filter{"=[]", field, v} }

// IsTrue matches rows whose boolean field is true.
func IsTrue(field string) Filter { return Filter{"?", field} }

// AnyOf matches rows whose field equals one of the values, and nothing if
// there are none. Unlike an Or of Eq it is never taken for a look-up by name,
// so that values no object has are simply not found.
func AnyOf(field string, values ...string) Filter {
	eqs := make([]Filter, len(values))
	for i, v := range values {
		eqs[i] = Eq(field, v)
	}
	return And(Or(eqs...))
}
