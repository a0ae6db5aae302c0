// Package whole makes values ready for JSON readers who expect a list or an object
// where the Go value has nil.
package whole

import "reflect"

// Of is v with empty slices and maps for nil ones, at any depth. What lies behind
// interfaces stays as it is, and so do bytes, which are not a list in JSON. v is
// not changed.
func Of[T any](v T) T {
	out := of(reflect.ValueOf(&v).Elem())
	return out.Interface().(T)
}

func of(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return v
		}
		out := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			out.Index(i).Set(of(v.Index(i)))
		}
		return out
	case reflect.Map:
		out := reflect.MakeMapWithSize(v.Type(), v.Len())
		for k, x := range v.Seq2() {
			out.SetMapIndex(k, of(x))
		}
		return out
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out := reflect.New(v.Type().Elem())
		out.Elem().Set(of(v.Elem()))
		return out
	case reflect.Struct:
		out := reflect.New(v.Type()).Elem()
		out.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				out.Field(i).Set(of(v.Field(i)))
			}
		}
		return out
	}
	return v
}
