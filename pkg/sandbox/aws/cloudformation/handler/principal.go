package handler

import (
	"errors"
	"fmt"
	"slices"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// grant is one policy of a principal.
type grant struct {
	document any
	managed  bool
}

// Principal gives what decides for a user ("user") or role ("role") that a stack has
// made, by its name; there says whether there is one. A permissions boundary is one of
// AddPolicy, or of a stack; one that is neither is not known, and bounds nothing.
func (s *Rights) Principal(kind, name string) (set iam.Set, there bool, err error) {
	want := map[string]string{"user": resource.UserType, "role": resource.RoleType}[kind]
	for l := range s.all {
		if l.Type == want && l.PhysicalID == name {
			set, err := s.decides(l)
			return set, true, err
		}
	}
	return iam.Set{}, false, nil
}

// AddPolicy adds a managed policy that no stack has made.
func (s *Rights) AddPolicy(arn string, p iam.Policy) {
	s.policies[arn] = p
}

// decides reads the policies of a principal.
func (s *Rights) decides(principal *resource.Live) (set iam.Set, err error) {
	for _, g := range s.grants(principal.Type, principal.PhysicalID) {
		p, problem := iam.Read(g.document)
		err = errors.Join(err, problem)
		set.Policies = append(set.Policies, p)
	}
	if boundary := fmt.Sprint(principal.Properties["PermissionsBoundary"]); principal.Properties["PermissionsBoundary"] != nil {
		if p, there := s.policies[boundary]; there {
			set.Boundary = &p
		}
		for l := range s.all {
			if l.Type == resource.ManagedPolicyType && l.PhysicalID == boundary {
				p, problem := iam.Read(l.Properties["PolicyDocument"])
				set.Boundary, err = &p, errors.Join(err, problem)
			}
		}
	}
	return set, err
}

// grants are the policies of a principal, over all stacks.
func (s *Rights) grants(kind, name string) []grant {
	list := map[string]string{resource.UserType: "Users", resource.RoleType: "Roles"}[kind]
	var out []grant
	for l := range s.all {
		switch {
		case l.Type == kind && l.PhysicalID == name:
			own, _ := l.Properties["Policies"].([]any)
			for _, item := range own {
				if policy, ok := item.(map[string]any); ok {
					out = append(out, grant{document: policy["PolicyDocument"]})
				}
			}
		case l.Type == resource.InlinePolicyType || l.Type == resource.ManagedPolicyType:
			of, _ := l.Properties[list].([]any)
			if slices.ContainsFunc(of, func(v any) bool { return fmt.Sprint(v) == name }) {
				out = append(out, grant{l.Properties["PolicyDocument"], l.Type == resource.ManagedPolicyType})
			}
		}
	}
	return out
}

// Misfit says why IAM does not take a resource as it would be, in the words of its
// handlers: policies that it cannot read, or that are too long for their kind and for
// those who have them. "" if it takes it.
func (s *Rights) Misfit(fresh *resource.Live) string {
	if fresh.Type != resource.UserType && fresh.Type != resource.RoleType && fresh.Type != resource.InlinePolicyType && fresh.Type != resource.ManagedPolicyType {
		return ""
	}
	for _, document := range documents(fresh) {
		if _, err := iam.Read(document); err != nil {
			return iamFailure("Syntax errors in policy: "+err.Error(), 400, "InvalidRequest")
		}
	}
	if fresh.Type == resource.ManagedPolicyType {
		if size, err := iam.Size(fresh.Properties["PolicyDocument"]); err != nil || size > iam.ManagedLimit {
			return iamFailure(fmt.Sprintf("Cannot exceed quota for PolicySize: %d", iam.ManagedLimit), 409, "ServiceLimitExceeded")
		}
	}
	if fresh.Type == resource.UserType || fresh.Type == resource.RoleType {
		return s.overfull(fresh.Type, fresh.PhysicalID)
	}
	for list, kind := range map[string]string{"Users": resource.UserType, "Roles": resource.RoleType} {
		of, _ := fresh.Properties[list].([]any)
		for _, name := range of {
			if reason := s.overfull(kind, fmt.Sprint(name)); reason != "" {
				return reason
			}
		}
	}
	return ""
}

// documents are the policies that a resource brings.
func documents(l *resource.Live) []any {
	if l.Type == resource.InlinePolicyType || l.Type == resource.ManagedPolicyType {
		return []any{l.Properties["PolicyDocument"]}
	}
	var out []any
	own, _ := l.Properties["Policies"].([]any)
	for _, item := range own {
		if policy, ok := item.(map[string]any); ok {
			out = append(out, policy["PolicyDocument"])
		}
	}
	return out
}

// overfull says which limit the policies of a principal exceed, all taken together.
func (s *Rights) overfull(kind, name string) string {
	word, limit := "user", iam.InlineUserLimit
	if kind == resource.RoleType {
		word, limit = "role", iam.InlineRoleLimit
	}
	inline, attached := 0, 0
	for _, g := range s.grants(kind, name) {
		if g.managed {
			attached++
			continue
		}
		size, err := iam.Size(g.document)
		if err != nil {
			return iamFailure(err.Error(), 400, "InvalidRequest")
		}
		inline += size
	}
	switch {
	case inline > limit:
		return iamFailure(fmt.Sprintf("Maximum policy size of %d bytes exceeded for %s %s", limit, word, name), 409, "ServiceLimitExceeded")
	case attached > iam.AttachedLimit:
		return iamFailure(fmt.Sprintf("Cannot exceed quota for PoliciesPer%s: %d", map[string]string{"user": "User", "role": "Role"}[word], iam.AttachedLimit), 409, "ServiceLimitExceeded")
	}
	return ""
}

// iamFailure is a refusal of IAM as its resources' handlers tell it.
func iamFailure(message string, status int, code string) string {
	return fmt.Sprintf("Resource handler returned message: %q (RequestToken: 5e7c1a0b-0000-4000-8000-2f6d3b9a4c11, HandlerErrorCode: %s)",
		fmt.Sprintf("%s (Service: Iam, Status Code: %d, Request ID: 4b7d3a1e-0000-4000-8000-5a4d9c2b1f00)", message, status), code)
}
