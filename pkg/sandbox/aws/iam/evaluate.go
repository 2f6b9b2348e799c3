package iam

import (
	"fmt"
	"slices"
	"strings"
)

// Request is one call as IAM sees it.
type Request struct {
	Action string // "ec2:TerminateInstances"
	// Resources are all that the call touches: each must be allowed. None is "*".
	Resources []Resource
	Context   Context // the keys that hold for all of them: "aws:RequestedRegion"
}

// Resource is one resource of a request.
type Resource struct {
	ARN     string
	Context Context // "ec2:InstanceProfile", "aws:ResourceTag/team"
}

// Denied says that a request is not allowed.
type Denied struct {
	Principal string // "arn:aws:iam::123456789012:user/ada"
	Action    string
	Resource  string
	Explicit  bool // a statement denies it, and no other may allow it
	Boundary  bool // the permissions boundary does not allow it
}

// Error implements error, in AWS's words.
func (d *Denied) Error() string {
	why := "because no identity-based policy allows the " + d.Action + " action"
	switch {
	case d.Explicit:
		why = "with an explicit deny in an identity-based policy"
	case d.Boundary:
		why = "because no permissions boundary allows the " + d.Action + " action"
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", d.Principal, d.Action, d.Resource, why)
}

// Set is what decides for one principal.
type Set struct {
	Principal string // whose they are, for errors
	Policies  []Policy
	Boundary  *Policy // nil: there is none
}

// Allows judges a request: nil if every resource is allowed, a *Denied if one is not,
// another error for a request that no service makes.
func (s Set) Allows(r Request) error {
	a, known := actions[strings.ToLower(r.Action)]
	if !known {
		return fmt.Errorf("judge %s: no such action is known here", r.Action)
	}
	resources := r.Resources
	if len(resources) == 0 {
		resources = []Resource{{ARN: "*"}}
	}
	for _, one := range resources {
		context, err := a.context(r, one)
		if err != nil {
			return err
		}
		if err := s.allows(r.Action, one.ARN, context); err != nil {
			return err
		}
	}
	return nil
}

// allows judges one resource.
func (s Set) allows(action, arn string, context Context) error {
	if effect(s.Policies, action, arn, context) == "Deny" {
		return &Denied{Principal: s.Principal, Action: action, Resource: arn, Explicit: true}
	}
	if s.Boundary != nil {
		switch effect([]Policy{*s.Boundary}, action, arn, context) {
		case "Deny":
			return &Denied{Principal: s.Principal, Action: action, Resource: arn, Explicit: true}
		case "":
			return &Denied{Principal: s.Principal, Action: action, Resource: arn, Boundary: true}
		}
	}
	if effect(s.Policies, action, arn, context) == "" {
		return &Denied{Principal: s.Principal, Action: action, Resource: arn}
	}
	return nil
}

// effect is what policies say: "Deny" if one statement does, else "Allow" if one
// does, else "".
func effect(policies []Policy, action, arn string, context Context) string {
	found := ""
	for _, p := range policies {
		for _, s := range p.Statements {
			if !s.applies(action, arn, context) {
				continue
			}
			if found = s.Effect; found == "Deny" {
				return found
			}
		}
	}
	return found
}

// applies says whether a statement is about that.
func (s Statement) applies(action, arn string, context Context) bool {
	named := func(pattern string) bool { return like(strings.ToLower(pattern), strings.ToLower(action)) }
	meant := func(pattern string) bool { return covers(pattern, arn) }
	switch {
	case len(s.Actions) > 0 && !slices.ContainsFunc(s.Actions, named), slices.ContainsFunc(s.NotActions, named),
		len(s.Resources) > 0 && !slices.ContainsFunc(s.Resources, meant), slices.ContainsFunc(s.NotResource, meant):
		return false
	}
	return !slices.ContainsFunc(s.Conditions, func(c Condition) bool { return !c.holds(context) })
}

// context are the keys that IAM sees for one resource of a request: the global ones,
// and of the others those that the action has for a resource of that type.
func (a action) context(r Request, one Resource) (Context, error) {
	kind, err := a.kind(one.ARN)
	if err != nil {
		return nil, err
	}
	seen := Context{}
	for _, keys := range []Context{r.Context, one.Context} {
		for key, values := range keys {
			if a.knows(kind, key) {
				seen[key] = values
			}
		}
	}
	return seen, nil
}

// Visible are the keys that IAM sees for one resource of a request.
func Visible(r Request, one Resource) (Context, error) {
	a, known := actions[strings.ToLower(r.Action)]
	if !known {
		return nil, fmt.Errorf("judge %s: no such action is known here", r.Action)
	}
	return a.context(r, one)
}
