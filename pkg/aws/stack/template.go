package stack

import (
	"bytes"
	_ "embed"
	"regexp"
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
