package resource

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/perpetual-ci/perpetual/pkg/plain"
)

// Field is one line of metadata that Concourse shows beside a version.
type Field struct {
	Name  string `json:"name"`  // "concourse"
	Value string `json:"value"` // "8.2.4 → 8.2.5"
}

// Result is the stdout of in and out.
type Result struct {
	Version  Version `json:"version"`
	Metadata []Field `json:"metadata,omitempty"`
}

// Field is the value of a line of metadata, "" if it is not there.
func (r Result) Field(name string) string {
	for _, f := range r.Metadata {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// WriteVersions writes check's answer, oldest version first, [] for none.
func WriteVersions(w io.Writer, versions []Version) error {
	if versions == nil {
		versions = []Version{}
	}
	return write(w, versions)
}

// WriteResult writes the answer of in and out. Concourse's pages show metadata to people:
// what in it is not for the eye is spelt out, and long values are cut.
func WriteResult(w io.Writer, result Result) error {
	shown := Result{Version: result.Version}
	for _, f := range result.Metadata {
		shown.Metadata = append(shown.Metadata, Field{plain.Value(f.Name), plain.Value(f.Value)})
	}
	return write(w, shown)
}

func write(w io.Writer, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encode the response: %w", err)
	}
	if _, err := w.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("write the response to stdout: %w", err)
	}
	return nil
}

func compact(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "something that is not JSON"
	}
	return string(text)
}
