package iam

import (
	"slices"
	"strings"
)

// Context are the condition keys of a request, "aws:RequestedRegion". Keys do not
// distinguish small and capital letters.
type Context map[string][]string

// lookup finds a key's values; there says whether the request has it.
func (c Context) lookup(key string) (values []string, there bool) {
	if values, there = c[key]; there {
		return values, len(values) > 0
	}
	for name, values := range c {
		if strings.EqualFold(name, key) {
			return values, len(values) > 0
		}
	}
	return nil, false
}

// operator compares one value of a request with one of a condition.
type operator struct {
	match   func(want, have string) bool
	negated bool // it holds where no value of the condition matches
}

// operators are those that are known. Null, which asks whether a key is there, is
// dealt with by holds.
var operators = map[string]*operator{
	"Null":                      {},
	"Bool":                      {match: strings.EqualFold},
	"StringEquals":              {match: func(want, have string) bool { return want == have }},
	"StringNotEquals":           {match: func(want, have string) bool { return want == have }, negated: true},
	"StringEqualsIgnoreCase":    {match: strings.EqualFold},
	"StringNotEqualsIgnoreCase": {match: strings.EqualFold, negated: true},
	"StringLike":                {match: like},
	"StringNotLike":             {match: like, negated: true},
	"ArnEquals":                 {match: likeARN},
	"ArnLike":                   {match: likeARN},
	"ArnNotEquals":              {match: likeARN, negated: true},
	"ArnNotLike":                {match: likeARN, negated: true},
}

// holds says whether a condition holds for a request.
func (c Condition) holds(context Context) bool {
	have, there := context.lookup(c.Key)
	if c.Operator == "Null" {
		return slices.ContainsFunc(c.Values, func(v string) bool { return strings.EqualFold(v, "true") != there })
	}
	o := operators[c.Operator]
	if !there {
		return c.IfExists || c.Set == "ForAllValues" || c.Set == "" && o.negated
	}
	one := func(value string) bool {
		return slices.ContainsFunc(c.Values, func(want string) bool { return o.match(want, value) }) != o.negated
	}
	if c.Set == "ForAnyValue" {
		return slices.ContainsFunc(have, one)
	}
	return !slices.ContainsFunc(have, func(value string) bool { return !one(value) })
}

// like says whether a text fits a pattern with * and ?.
func like(pattern, text string) bool {
	for pattern != "" {
		switch {
		case pattern[0] == '*':
			for i := 0; i <= len(text); i++ {
				if like(pattern[1:], text[i:]) {
					return true
				}
			}
			return false
		case text == "", pattern[0] != '?' && pattern[0] != text[0]:
			return false
		}
		pattern, text = pattern[1:], text[1:]
	}
	return text == ""
}

// likeARN compares ARNs part by part, as no star reaches over a colon; what comes
// after the fifth is one part.
func likeARN(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	want, have := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	if len(want) != 6 || len(have) != 6 {
		return false
	}
	for i := range want {
		if !like(want[i], have[i]) {
			return false
		}
	}
	return true
}

// covers says whether a statement's Resource means an ARN. The type in its last part,
// "instance" of "instance/i-1", cannot have a wildcard: such a pattern means nothing
// (page "Identify AWS resources with ARNs" of the IAM user guide).
func covers(pattern, arn string) bool {
	return !vague(pattern) && likeARN(pattern, arn)
}

// vague says whether an ARN has a wildcard in the type of its resource. ARNs of S3
// have no types.
func vague(pattern string) bool {
	parts := strings.SplitN(pattern, ":", 6)
	if len(parts) != 6 || parts[2] == "s3" && parts[3]+parts[4] == "" {
		return false
	}
	end := strings.IndexAny(parts[5], "/:")
	return end >= 0 && strings.ContainsAny(parts[5][:end], "*?")
}
