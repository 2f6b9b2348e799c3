package iam_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

const instance = "arn:aws:ec2:eu-central-1:123456789012:instance/i-1"

// policy wraps statements.
func policy(t *testing.T, statements string) iam.Policy {
	t.Helper()
	p, err := iam.Parse([]byte(`{"Version": "2012-10-17", "Statement": [` + statements + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAllows_asIAMDoes(t *testing.T) {
	allow := func(condition string) string {
		return `{"Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": "` + instance + `", "Condition": {` + condition + `}}`
	}
	own := iam.Context{"aws:ResourceTag/perpetual:name": {"ci"}, "ec2:InstanceType": {"m6i.large"}, "ec2:InstanceProfile": {"arn:aws:iam::123456789012:instance-profile/perpetual-ci-Web"}}
	two := iam.Context{"aws:ResourceTag/team": {"a", "b"}}
	for title, c := range map[string]struct {
		statements string
		resource   string
		context    iam.Context
		allowed    bool
	}{
		"nothing said":                  {`{"Effect": "Allow", "Action": "ec2:RunInstances", "Resource": "*"}`, instance, own, false},
		"a star":                        {`{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}`, instance, own, true},
		"small letters":                 {`{"Effect": "Allow", "Action": "EC2:terminateinstances", "Resource": "*"}`, instance, own, true},
		"a question mark":               {`{"Effect": "Allow", "Action": "ec2:TerminateInstance?", "Resource": "*"}`, instance, own, true},
		"a deny wins":                   {`{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "ec2:Terminate*", "Resource": "*"}`, instance, own, false},
		"all but":                       {`{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}`, instance, own, true},
		"not these":                     {`{"Effect": "Allow", "Action": "ec2:*", "NotResource": "arn:aws:ec2:*:*:instance/*"}`, instance, own, false},
		"another region":                {`{"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:us-east-1:*:*"}`, instance, own, false},
		"a star ends at a colon":        {`{"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:*:instance/*:*"}`, instance, own, false},
		"a star for the partition":      {`{"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:*:ec2:eu-central-1:123456789012:instance/*"}`, instance, own, true},
		"a star for the type":           {`{"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:*:*:*/i-1"}`, instance, own, false},
		"a star for everything":         {`{"Effect": "Allow", "Action": "ec2:*", "Resource": "arn:aws:ec2:*:*:*"}`, instance, own, true},
		"a tag":                         {allow(`"StringEquals": {"aws:ResourceTag/perpetual:name": "ci"}`), instance, own, true},
		"another tag":                   {allow(`"StringEquals": {"aws:ResourceTag/perpetual:name": ["a", "b"]}`), instance, own, false},
		"capitals count in values":      {allow(`"StringEquals": {"aws:ResourceTag/perpetual:name": "CI"}`), instance, own, false},
		"capitals do not in keys":       {allow(`"StringEquals": {"AWS:resourcetag/perpetual:name": "ci"}`), instance, own, true},
		"both keys":                     {allow(`"StringEquals": {"aws:ResourceTag/perpetual:name": "ci", "ec2:InstanceType": "t3.micro"}`), instance, own, false},
		"a key that is absent":          {allow(`"StringEquals": {"aws:ResourceTag/perpetual:name": "ci"}`), instance, iam.Context{}, false},
		"absent, if it exists":          {allow(`"StringEqualsIfExists": {"aws:ResourceTag/perpetual:name": "ci"}`), instance, iam.Context{}, true},
		"absent, and not equal":         {allow(`"StringNotEquals": {"aws:ResourceTag/perpetual:name": "ci"}`), instance, iam.Context{}, true},
		"a pattern of ARNs":             {allow(`"ArnLike": {"ec2:InstanceProfile": "arn:aws:iam::123456789012:instance-profile/perpetual-ci-*"}`), instance, own, true},
		"equal ARNs know stars, too":    {allow(`"ArnEquals": {"ec2:InstanceProfile": "arn:aws:iam::*:instance-profile/*"}`), instance, own, true},
		"absent":                        {allow(`"Null": {"ec2:InstanceProfile": "true"}`), instance, iam.Context{}, true},
		"not absent":                    {allow(`"Null": {"ec2:InstanceProfile": "true"}`), instance, own, false},
		"there":                         {allow(`"Null": {"ec2:InstanceProfile": false}`), instance, own, true},
		"a deny for others":             {`{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:ResourceTag/perpetual:name": "ci"}}}`, instance, own, true},
		"a deny for what has no tag":    {`{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"StringNotEquals": {"aws:ResourceTag/perpetual:name": "ci"}}}`, instance, iam.Context{}, false},
		"a deny of all but":             {`{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "NotAction": "ec2:Describe*", "Resource": "*"}`, instance, own, false},
		"a deny of all but this":        {`{"Effect": "Allow", "Action": "*", "Resource": "*"}, {"Effect": "Deny", "Action": "*", "NotResource": "` + instance + `"}`, instance, own, true},
		"any of two values":             {allow(`"ForAnyValue:StringEquals": {"aws:ResourceTag/team": "a"}`), instance, two, true},
		"neither of two values":         {allow(`"ForAnyValue:StringEquals": {"aws:ResourceTag/team": "c"}`), instance, two, false},
		"any, and absent":               {allow(`"ForAnyValue:StringEquals": {"aws:ResourceTag/team": "a"}`), instance, own, false},
		"any that differs":              {allow(`"ForAnyValue:StringNotEquals": {"aws:ResourceTag/team": "a"}`), instance, two, true},
		"all of two values":             {allow(`"ForAllValues:StringEquals": {"aws:ResourceTag/team": ["b", "a"]}`), instance, two, true},
		"not all of two values":         {allow(`"ForAllValues:StringEquals": {"aws:ResourceTag/team": "a"}`), instance, two, false},
		"all, and absent":               {allow(`"ForAllValues:StringEquals": {"aws:ResourceTag/team": "a"}`), instance, own, true},
		"two values where one is meant": {allow(`"StringEquals": {"aws:ResourceTag/team": "a"}`), instance, two, false},
		"a key of other actions":        {allow(`"StringEquals": {"ec2:Vpc": "x"}`), instance, iam.Context{"ec2:Vpc": {"x"}}, false},
	} {
		t.Run(title, func(t *testing.T) {
			set := iam.Set{Policies: []iam.Policy{policy(t, c.statements)}}
			err := set.Allows(iam.Request{Action: "ec2:TerminateInstances", Resources: []iam.Resource{{ARN: c.resource, Context: c.context}}})
			var denied *iam.Denied
			if err != nil && !errors.As(err, &denied) || (err == nil) != c.allowed {
				t.Errorf("allowed is %v (%v)", err == nil, err)
			}
		})
	}
}

func TestAllows_wantsEveryResourceAllowed(t *testing.T) {
	set := iam.Set{Policies: []iam.Policy{policy(t, `{"Effect": "Allow", "Action": "ec2:AttachVolume", "Resource": "arn:aws:ec2:*:*:volume/*"}`)}}
	volume := iam.Resource{ARN: "arn:aws:ec2:eu-central-1:123456789012:volume/vol-1"}
	if err := set.Allows(iam.Request{Action: "ec2:AttachVolume", Resources: []iam.Resource{volume}}); err != nil {
		t.Error(err)
	}
	err := set.Allows(iam.Request{Action: "ec2:AttachVolume", Resources: []iam.Resource{volume, {ARN: instance}}})
	if err == nil || !strings.Contains(err.Error(), "on resource: "+instance) {
		t.Errorf("the instance is judged with %v", err)
	}
}

func TestAllows_noMoreThanTheBoundary(t *testing.T) {
	all := policy(t, `{"Effect": "Allow", "Action": "*", "Resource": "*"}`)
	bound := policy(t, `{"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*"}`)
	set := iam.Set{Principal: "ada", Policies: []iam.Policy{all}, Boundary: &bound}
	if err := set.Allows(iam.Request{Action: "ec2:DescribeInstances"}); err != nil {
		t.Error(err)
	}
	err := set.Allows(iam.Request{Action: "ec2:TerminateInstances", Resources: []iam.Resource{{ARN: instance}}})
	if err == nil || !strings.Contains(err.Error(), "User: ada is not authorized") || !strings.Contains(err.Error(), "no permissions boundary") {
		t.Errorf("beyond the boundary: %v", err)
	}
	set.Policies = nil
	if err := set.Allows(iam.Request{Action: "ec2:DescribeInstances"}); err == nil {
		t.Error("a boundary allows by itself")
	}
}

func TestAllows_failsForWhatNoServiceAsks(t *testing.T) {
	set := iam.Set{Policies: []iam.Policy{policy(t, `{"Effect": "Allow", "Action": "*", "Resource": "*"}`)}}
	for _, r := range []iam.Request{
		{Action: "ec2:EndInstances"},
		{Action: "ec2:TerminateInstances", Resources: []iam.Resource{{ARN: "arn:aws:ec2:eu-central-1:123456789012:volume/vol-1"}}},
	} {
		var denied *iam.Denied
		if err := set.Allows(r); err == nil || errors.As(err, &denied) {
			t.Errorf("%s: %v", r.Action, err)
		}
	}
}

func TestParse_refusesWhatItDoesNotKnow(t *testing.T) {
	for title, text := range map[string]string{
		"no JSON":            `{`,
		"no version":         `{"Statement": [{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}]}`,
		"no statement":       `{"Version": "2012-10-17", "Statement": []}`,
		"a principal":        `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "ec2:*", "Resource": "*"}}`,
		"no resource":        `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*"}}`,
		"no action":          `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Resource": "*"}}`,
		"an effect":          `{"Version": "2012-10-17", "Statement": {"Effect": "allow", "Action": "ec2:*", "Resource": "*"}}`,
		"no ARN":             `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "instance/*"}}`,
		"a policy variable":  `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${aws:username}"}}`,
		"an operator":        `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringSounds": {"a": "b"}}}}`,
		"Null, if it exists": `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"NullIfExists": {"aws:RequestedRegion": "true"}}}}`,
		"a number":           `{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": 3, "Resource": "*"}}`,
	} {
		if _, err := iam.Parse([]byte(text)); err == nil {
			t.Errorf("%s: no error", title)
		}
	}
}

func TestIdle_namesWhatNeverTakesEffect(t *testing.T) {
	for statement, want := range map[string]string{
		`{"Sid": "A", "Effect": "Allow", "Action": "ec2:EndInstances", "Resource": "*"}`:                                                                                                      "A: there is no action ec2:EndInstances",
		`{"Sid": "B", "Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": "arn:aws:ec2:*:*:volume/*"}`:                                                                         "B: it never allows ec2:TerminateInstances, B: no action of it knows arn:aws:ec2:*:*:volume/*",
		`{"Sid": "C", "Effect": "Allow", "Action": "ec2:AttachVolume", "Resource": "arn:aws:ec2:*:*:volume/*", "Condition": {"ArnEquals": {"ec2:InstanceProfile": "arn:a:b:c:d:e"}}}`:         "C: it never allows ec2:AttachVolume",
		`{"Sid": "E", "Effect": "Allow", "Action": "ec2:TerminateInstances", "Resource": "arn:aws:ec2:*:*:*/i-1"}`:                                                                            "E: it never allows ec2:TerminateInstances, E: no action of it knows arn:aws:ec2:*:*:*/i-1",
		`{"Sid": "F", "Effect": "Allow", "Action": "ec2:AttachVolume", "Resource": "arn:aws:ec2:*:*:volume/*", "Condition": {"ArnEqualsIfExists": {"ec2:InstanceProfile": "arn:a:b:c:d:e"}}}`: "",
		`{"Sid": "D", "Effect": "Allow", "Action": ["ec2:AttachVolume", "ec2:RunInstances"], "Resource": "arn:aws:ec2:*:*:instance/*"}`:                                                       "",
	} {
		if got := strings.Join(iam.Idle(policy(t, statement)), ", "); got != want {
			t.Errorf("%s: %q, want %q", statement, got, want)
		}
	}
}

func TestSize_countsNoWhiteSpace(t *testing.T) {
	if n, err := iam.Size("{ \"a\":\n\t\"b c\" }"); n != len(`{"a":"bc"}`) || err != nil {
		t.Errorf("the size is %d (%v)", n, err)
	}
}

// FuzzParse: whatever a policy says, judging by it ends.
func FuzzParse(f *testing.F) {
	f.Add(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*T*e*", "Resource": "arn:*:ec2:*:*:*a*b*", "Condition": {"Null": {"a": true}}}}`)
	f.Add(`{"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "NotAction": ["s3:?"], "NotResource": "*"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		p, err := iam.Parse([]byte(text))
		if err != nil || len(text) > 200 {
			return
		}
		_ = iam.Set{Policies: []iam.Policy{p}}.Allows(iam.Request{Action: "ec2:TerminateInstances", Resources: []iam.Resource{{ARN: instance}}})
	})
}
