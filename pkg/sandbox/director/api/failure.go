package api

import (
	"fmt"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/director/document"
)

// Failure is an error of the director with its code, as responses and event logs carry it.
type Failure struct {
	Code    int    `json:"code"`        // 30006
	Message string `json:"description"` // "Release version 'tinyrel/99' doesn't exist"
}

// Error implements error.
func (f *Failure) Error() string { return f.Message }

// NewFailure makes a Failure as fmt.Sprintf words it.
func NewFailure(code int, format string, args ...any) *Failure {
	return &Failure{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Required is the director's error for a property that is absent.
func Required(m document.Mapping, key string) *Failure {
	return NewFailure(40001, "Required property '%s' was not specified in object (%s)", key, document.Inspect(m))
}

// Need fails for the first of the keys that a mapping lacks.
func Need(m document.Mapping, keys ...string) error {
	for _, key := range keys {
		if m.Get(key) == nil {
			return Required(m, key)
		}
	}
	return nil
}
