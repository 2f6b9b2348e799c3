package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Migration lifts the fields of a document from one schema to the next.
type Migration func(fields map[string]json.RawMessage) error

// Format is how one kind of document is written: a JSON object that begins
// with its schema number.
type Format struct {
	Kind string // for errors, as in "lease"
	// Migrations lift older documents: the first from schema 1 to 2, and so
	// on. The schema that is written is one more than there are.
	Migrations []Migration
}

// NewerError says that a document was written by a later release. It is left
// as it is.
type NewerError struct {
	Name   string // of the document, as in "journal/42.json"
	Schema int    // that it has
	Known  int    // the newest that this release reads
}

// Error implements error.
func (e *NewerError) Error() string {
	return fmt.Sprintf("%s was written by a newer Perpetual (schema %d, this one reads up to %d); nothing was changed: use that release or a later one",
		e.Name, e.Schema, e.Known)
}

// schema is the number that Encode writes.
func (f Format) schema() int { return len(f.Migrations) + 1 }

// Encode writes v, which must encode as a JSON object without a key "schema".
func (f Format) Encode(v any) ([]byte, error) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", f.Kind, err)
	}
	rest, isObject := bytes.CutPrefix(text, []byte("{\n"))
	if !isObject {
		return nil, fmt.Errorf("encode %s: %T gives no JSON object with fields", f.Kind, v)
	}
	return fmt.Appendf(nil, "{\n  \"schema\": %d,\n%s\n", f.schema(), rest), nil
}

// Decode reads the document name into v, after lifting it to the present
// schema. It fails with a *NewerError, or says that the document is damaged:
// unknown keys count as damage, because a rewrite would lose them.
func (f Format) Decode(name string, body []byte, v any) error {
	if fields, ok := f.present(body); ok && decodeStrictly(fields, v) == nil {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return fmt.Errorf("decode %s %s: it is damaged: %w", f.Kind, name, err)
	}
	var schema int
	if err := json.Unmarshal(fields["schema"], &schema); err != nil || schema < 1 {
		return fmt.Errorf("decode %s %s: it is damaged: it has no schema number", f.Kind, name)
	}
	if schema > f.schema() {
		return &NewerError{Name: name, Schema: schema, Known: f.schema()}
	}
	delete(fields, "schema")
	for ; schema < f.schema(); schema++ {
		if err := f.Migrations[schema-1](fields); err != nil {
			return fmt.Errorf("lift %s %s from schema %d: %w", f.Kind, name, schema, err)
		}
	}
	lifted, err := json.Marshal(fields)
	if err != nil {
		return fmt.Errorf("decode %s %s: %w", f.Kind, name, err)
	}
	if err := decodeStrictly(lifted, v); err != nil {
		return fmt.Errorf("decode %s %s: it is damaged: %w", f.Kind, name, err)
	}
	return nil
}

// present gives a document as Encode writes it without its schema number: that comes
// first, and is the present one. Large documents are read often, and this saves most of
// the passes over them. Others, and damaged ones, are not told apart here.
func (f Format) present(body []byte) ([]byte, bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	for _, want := range []json.Token{json.Delim('{'), "schema"} {
		if got, err := decoder.Token(); err != nil || got != want {
			return nil, false
		}
	}
	var schema int
	if err := decoder.Decode(&schema); err != nil || schema != f.schema() {
		return nil, false
	}
	rest, more := bytes.CutPrefix(bytes.TrimLeft(body[decoder.InputOffset():], " \t\r\n"), []byte(","))
	rest = bytes.TrimLeft(rest, " \t\r\n")
	if !more || !bytes.HasPrefix(rest, []byte(`"`)) {
		return nil, false
	}
	return append([]byte("{"), rest...), true
}

// decodeStrictly reads text, which is one JSON value without unknown keys, into v.
func decodeStrictly(text []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text follows the value")
	}
	return nil
}
