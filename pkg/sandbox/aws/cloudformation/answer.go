package cloudformation

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// element is one element of an answer.
type element struct {
	name     string
	text     string
	children []element
}

// text makes an element of text; without any, none.
func text(name, value string) element { return element{name: name, text: value} }

// moment makes an element of a time.
func moment(name string, t time.Time) element {
	if t.IsZero() {
		return element{name: name}
	}
	return text(name, t.UTC().Format("2006-01-02T15:04:05.000Z"))
}

// group makes an element of others.
func group(name string, children ...element) element {
	return element{name: name, children: children}
}

// list makes an element of members.
func list(name string, members ...[]element) element {
	out := element{name: name}
	for _, m := range members {
		out.children = append(out.children, element{name: "member", children: m})
	}
	return out
}

// texts makes an element of members that are text.
func texts(name string, members []string) element {
	out := element{name: name}
	for _, m := range members {
		out.children = append(out.children, text("member", m))
	}
	return out
}

// write writes an element; empty ones are left out, as the service does.
func (e element) write(b *bytes.Buffer) {
	if e.text == "" && len(e.children) == 0 {
		return
	}
	b.WriteString("<" + e.name + ">")
	_ = xml.EscapeText(b, []byte(e.text))
	for _, c := range e.children {
		c.write(b)
	}
	b.WriteString("</" + e.name + ">")
}

// answer writes what an action gave.
func answer(w http.ResponseWriter, action string, result []element) {
	var b bytes.Buffer
	b.WriteString(`<` + action + `Response xmlns="http://cloudformation.amazonaws.com/doc/2010-05-15/"><` + action + `Result>`)
	for _, e := range result {
		e.write(&b)
	}
	b.WriteString(`</` + action + `Result>`)
	group("ResponseMetadata", text("RequestId", "00000000-0000-4000-8000-000000000000")).write(&b)
	b.WriteString(`</` + action + `Response>`)
	w.Header().Set("Content-Type", "text/xml")
	_, _ = w.Write(b.Bytes())
}

// refuse writes an error.
func refuse(w http.ResponseWriter, status int, code, message string) {
	kind := "Sender"
	if status >= 500 {
		kind = "Receiver"
	}
	var b bytes.Buffer
	group("ErrorResponse", group("Error", text("Type", kind), text("Code", code), text("Message", message)),
		text("RequestId", "00000000-0000-4000-8000-000000000001")).write(&b)
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// codedError is a refusal with a code of its own.
type codedError struct{ code, message string }

// Error implements error.
func (e *codedError) Error() string { return e.message }

// coded makes a refusal.
func coded(code, message string) error { return &codedError{code, message} }

// explain gives the code and the text of a refusal.
func explain(err error) (code, message string) {
	var c *codedError
	if errors.As(err, &c) {
		return c.code, c.message
	}
	return "ValidationError", err.Error()
}

// members reads a list of texts from a form: NAME.member.1, NAME.member.2, ….
func members(form url.Values, name string) []string {
	var out []string
	for i := 1; form.Has(name + ".member." + strconv.Itoa(i)); i++ {
		out = append(out, form.Get(name+".member."+strconv.Itoa(i)))
	}
	return out
}

// pairs reads a list of keys and values from a form.
func pairs(form url.Values, name, key, value string) map[string]string {
	out := map[string]string{}
	for i := 1; ; i++ {
		at := name + ".member." + strconv.Itoa(i) + "."
		if !form.Has(at + key) {
			return out
		}
		if form.Has(at + value) {
			out[form.Get(at+key)] = form.Get(at + value)
		}
	}
}

// previous lists the parameters of a form that keep their values.
func previous(form url.Values) []string {
	var out []string
	for i := 1; ; i++ {
		at := "Parameters.member." + strconv.Itoa(i) + "."
		if !form.Has(at + "ParameterKey") {
			return out
		}
		if form.Get(at+"UsePreviousValue") == "true" {
			out = append(out, form.Get(at+"ParameterKey"))
		}
	}
}
