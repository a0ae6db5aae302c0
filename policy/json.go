package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// UnmarshalJSON reads a question; the facts get the types that Facts demands
// (whole numbers, lists of strings). Unknown fields are refused.
func (q *Question) UnmarshalJSON(data []byte) error {
	type plain Question
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	if err := dec.Decode((*plain)(q)); err != nil {
		return err
	}
	for name, fact := range q.Facts {
		var err error
		if q.Facts[name], err = typed(fact); err != nil {
			return fmt.Errorf("fact %q: %w", name, err)
		}
	}
	return nil
}

func typed(fact any) (any, error) {
	switch f := fact.(type) {
	case json.Number:
		return f.Int64()
	case []any:
		list := make([]string, len(f))
		for i, v := range f {
			s, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("%v is not a word", v)
			}
			list[i] = s
		}
		return list, nil
	default:
		return fact, nil
	}
}
