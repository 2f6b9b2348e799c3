package director

import "fmt"

// Failure is an error of the director with its code, as responses and event logs carry it.
type Failure struct {
	Code    int    `json:"code"`        // 30006
	Message string `json:"description"` // "Release version 'tinyrel/99' doesn't exist"
}

// Error implements error.
func (f *Failure) Error() string { return f.Message }

// failure makes a Failure as fmt.Sprintf words it.
func failure(code int, format string, args ...any) *Failure {
	return &Failure{Code: code, Message: fmt.Sprintf(format, args...)}
}

// required is the director's error for a property that is absent.
func required(m mapping, key string) *Failure {
	return failure(40001, "Required property '%s' was not specified in object (%s)", key, inspect(m))
}

// need fails for the first of the keys that a mapping lacks.
func need(m mapping, keys ...string) error {
	for _, key := range keys {
		if m.get(key) == nil {
			return required(m, key)
		}
	}
	return nil
}
