// Package secret holds credentials so that they cannot be printed by accident,
// and masks them in text that libraries print.
package secret

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"unique"
)

// Redacted is what every formatter shows in place of a secret.
const Redacted = "((redacted))"

// Value is a credential. Every way of formatting or encoding it gives Redacted;
// only Reveal gives the text. The zero Value is an absent credential.
//
// The text is behind a handle, because fmt asks no method of what is in an
// unexported field: it would print a string there, and prints an address instead.
// Values with the same text are equal.
type Value struct{ text unique.Handle[string] }

// New makes a Value of text.
func New(text string) Value {
	if text == "" {
		return Value{}
	}
	return Value{unique.Make(text)}
}

// Reveal returns the text. Call it only where the credential is handed to the
// peer that it belongs to.
func (v Value) Reveal() string {
	if v.Empty() {
		return ""
	}
	return v.text.Value()
}

// Empty says whether there is no credential.
func (v Value) Empty() bool { return v == Value{} }

// Format implements fmt.Formatter, so that %v, %+v, %#v, %s, %q and %x all redact.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// String implements fmt.Stringer for callers that do not go through fmt.
func (v Value) String() string { return Redacted }

// LogValue implements slog.LogValuer.
func (v Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(Redacted) }

// MarshalText implements encoding.TextMarshaler.
func (v Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalYAML implements yaml.Marshaler.
func (v Value) MarshalYAML() (any, error) { return Redacted, nil }

// UnmarshalText implements encoding.TextUnmarshaler: the way in is open.
func (v *Value) UnmarshalText(text []byte) error {
	*v = New(string(text))
	return nil
}
