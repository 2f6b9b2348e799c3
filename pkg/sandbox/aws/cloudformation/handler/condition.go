package handler

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// detail adds the condition keys that hang on what a resource was and becomes: the
// tags, the permissions boundary and the record of a call. was is nil when it is made,
// to when it goes. It says whether the handler makes the call at all.
func detail(r *iam.Request, was, to *resource.Live) bool {
	switch r.Action {
	case "ec2:CreateTags":
		return tagKeys(r, set(was, to))
	case "ec2:DeleteTags":
		gone := maps.Clone(tags(was))
		maps.DeleteFunc(gone, func(key, _ string) bool { _, kept := tags(to)[key]; return kept })
		if !tagKeys(r, gone) {
			return false
		}
		for key := range gone {
			delete(r.Context, "aws:RequestTag/"+key)
		}
	case "iam:CreateRole", "iam:CreateUser":
		bound(r, boundary(to))
	case "iam:PutRolePermissionsBoundary", "iam:PutUserPermissionsBoundary":
		if boundary(was) == boundary(to) {
			return false
		}
		if boundary(to) == "" {
			r.Action = strings.Replace(r.Action, ":Put", ":Delete", 1)
			bound(r, boundary(was))
			return true
		}
		bound(r, boundary(to))
	case "iam:UpdateAssumeRolePolicy":
		return differs(was, to, "AssumeRolePolicyDocument")
	case "iam:PutRolePolicy": // of a role itself, or of a policy that names roles
		return to == nil || to.Type != resource.RoleType || differs(was, to, "Policies")
	case "route53:ChangeResourceRecordSets":
		record(r, was, to)
	}
	return true
}

// differs says whether a property changes.
func differs(was, to *resource.Live, property string) bool {
	return was == nil || to == nil || fmt.Sprint(was.Properties[property]) != fmt.Sprint(to.Properties[property])
}

// tags are those of a resource that is there.
func tags(l *resource.Live) map[string]string {
	if l == nil {
		return nil
	}
	return l.Tags
}

// set are the tags that are new or differ.
func set(was, to *resource.Live) map[string]string {
	out := maps.Clone(tags(to))
	maps.DeleteFunc(out, func(key, value string) bool { have, there := tags(was)[key]; return there && have == value })
	return out
}

// tagKeys puts tags into a call; without any there is no call.
func tagKeys(r *iam.Request, given map[string]string) bool {
	for key, value := range given {
		r.Context["aws:RequestTag/"+key] = []string{value}
	}
	r.Context["aws:TagKeys"] = slices.Sorted(maps.Keys(given))
	return len(given) > 0
}

// boundary is the permissions boundary of a role or user; "": it has none.
func boundary(l *resource.Live) string {
	if l == nil || l.Properties["PermissionsBoundary"] == nil {
		return ""
	}
	return fmt.Sprint(l.Properties["PermissionsBoundary"])
}

// bound puts a permissions boundary into a call, in place of that of its resources.
func bound(r *iam.Request, arn string) {
	for i := range r.Resources {
		delete(r.Resources[i].Context, "iam:PermissionsBoundary")
	}
	if arn != "" {
		r.Context["iam:PermissionsBoundary"] = []string{arn}
	}
}

// record puts a record into a call, its name as Route 53 normalizes it: in small
// letters and without the dot at the end.
func record(r *iam.Request, was, to *resource.Live) {
	action, l := "UPSERT", to
	switch {
	case was == nil:
		action = "CREATE"
	case to == nil:
		action, l = "DELETE", was
	}
	r.Context["route53:ChangeResourceRecordSetsActions"] = []string{action}
	r.Context["route53:ChangeResourceRecordSetsRecordTypes"] = []string{fmt.Sprint(l.Properties["Type"])}
	r.Context["route53:ChangeResourceRecordSetsNormalizedRecordNames"] = []string{strings.ToLower(strings.TrimSuffix(fmt.Sprint(l.Properties["Name"]), "."))}
}

// boundaryOf is the permissions boundary of a role or user of any stack, by its name.
func (s *Rights) boundaryOf(kind, name string) string {
	for l := range s.all {
		if l.Type == kind && l.PhysicalID == name {
			return boundary(l)
		}
	}
	return ""
}
