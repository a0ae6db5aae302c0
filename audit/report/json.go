package report

import (
	"encoding/json"
	"fmt"
	"io"
	"reflect"

	"porchlight/audit"
)

// JSON writes the result as docs/audit-json.md describes it: indented, with
// empty lists and objects rather than null.
func JSON(w io.Writer, r *audit.Result) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(whole(reflect.ValueOf(*r)).Interface()); err != nil {
		return fmt.Errorf("report: write JSON: %w", err)
	}
	return nil
}

// whole is v with empty slices and maps for nil ones.
func whole(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Slice:
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(whole(v.Index(i)))
		}
		return out
	case reflect.Map:
		out := reflect.MakeMap(v.Type())
		for _, k := range v.MapKeys() {
			out.SetMapIndex(k, whole(v.MapIndex(k)))
		}
		return out
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(whole(v.Field(i)))
			}
		}
		return out
	}
	return v
}
