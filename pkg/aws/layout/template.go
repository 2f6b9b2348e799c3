// Package layout is what an installation consists of on AWS: the CloudFormation template,
// the parameters that it takes, and the outputs that it gives to what is built on it.
package layout

import (
	"bytes"
	_ "embed"
	"regexp"
	"strings"
	"sync"
)

//go:embed stack.yml
var template []byte

// Template is the CloudFormation template: YAML with comments, for people too.
func Template() []byte { return append([]byte(nil), template...) }

// comment is a line that is nothing else.
var comment = regexp.MustCompile(`(?m)^ *#.*\n`)

// body is what Body gives copies of.
var body = sync.OnceValue(func() []byte { return comment.ReplaceAll(template, nil) })

// Body is the template as CloudFormation is sent it: without the comments, as it takes
// 51,200 bytes in a call.
func Body() []byte { return bytes.Clone(body()) }

// Current says whether the text, of a stack that is there, is this template: apart from
// what does not survive every way a text goes, and the comments.
func Current(text string) bool { return normal(text) == normal(string(template)) }

// normal leaves out what Current does not compare.
func normal(text string) string {
	return strings.TrimSpace(comment.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), ""))
}
