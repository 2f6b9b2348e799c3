package handler

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/cloudformation/resource"
	"github.com/perpetual-ci/perpetual/pkg/sandbox/aws/iam"
)

// Judge says whether the caller of a request may do something: nil, or why not.
type Judge func(iam.Request) error

// Rights is what IAM says to the handlers of resources: who may make what, and what it
// takes at all.
type Rights struct {
	region, account string
	all             iter.Seq[*resource.Live] // the resources of all stacks, always in the same order
	policies        map[string]iam.Policy    // that no stack has made, by ARN
}

// New makes it for the resources of all stacks.
func New(region, account string, all iter.Seq[*resource.Live]) *Rights {
	return &Rights{region: region, account: account, all: all, policies: map[string]iam.Policy{}}
}

// Deed is what a handler is called for.
type Deed struct {
	Resource *resource.Live // what its calls are about
	Was, To  *resource.Live // it before and after; nil: it is not there
	Action   string         // "CREATE", "UPDATE", "DELETE", "REVERT"
	Making   bool           // whether the resource is a new one
}

// Forbidden says why the caller of an operation may not do something; "" if it may. The
// reasons are in the words of the resources' handlers.
func (s *Rights) Forbidden(judge Judge, d Deed) string {
	of, known := handlers[d.Resource.Type]
	if !known {
		return "which calls the handler of " + d.Resource.Type + " makes is not known here"
	}
	calls := of.update
	switch {
	case d.Action == "DELETE":
		calls = of.delete
	case d.Making:
		calls = of.create
	}
	for _, call := range calls {
		request, touches := s.request(d.Resource, call, d.Making)
		if !touches || !detail(&request, d.Was, d.To) {
			continue
		}
		if err := judge(request); err != nil {
			return refusedByIAM(request.Action, err)
		}
	}
	return ""
}

// refusedByIAM is a denial as a handler tells it.
func refusedByIAM(action string, err error) string {
	service, _, _ := strings.Cut(action, ":")
	var denied *iam.Denied
	if !errors.As(err, &denied) {
		return err.Error()
	}
	return fmt.Sprintf("Resource handler returned message: %q (RequestToken: 5e7c1a0b-0000-4000-8000-2f6d3b9a4c11, HandlerErrorCode: AccessDenied)",
		fmt.Sprintf("%s (Service: %s, Status Code: 403, Request ID: 4b7d3a1e-0000-4000-8000-5a4d9c2b1f00)", err, strings.ToUpper(service[:1])+service[1:]))
}

// request is a call of a handler as IAM sees it; touches is false if it is for a
// property that is not there. What is being made has no tags yet: whether a handler
// tags in the call that makes something or in one of its own is nowhere said.
func (s *Rights) request(l *resource.Live, call string, making bool) (r iam.Request, touches bool) {
	words := strings.Fields(call)
	r = iam.Request{Action: words[0], Context: iam.Context{"aws:RequestedRegion": {s.region}, "aws:CalledVia": {"cloudformation.amazonaws.com"}}}
	service, _, _ := strings.Cut(r.Action, ":")
	if service == "iam" || service == "route53" {
		r.Context["aws:RequestedRegion"] = []string{"us-east-1"}
	}
	if r.Action == "iam:PassRole" {
		r.Context["iam:PassedToService"] = []string{"ec2.amazonaws.com"}
	}
	for _, word := range words[1:] {
		if word == "*" {
			continue
		}
		property, named := strings.CutPrefix(word, "@")
		if !named {
			r.Resources = append(r.Resources, s.own(l, service, word, making))
			continue
		}
		for _, name := range flat(l.Properties[property]) {
			r.Resources = append(r.Resources, s.other(service, property, name))
		}
		if len(r.Resources) == 0 {
			return r, false
		}
	}
	return r, true
}

// flat are the texts of a property.
func flat(value any) []string {
	list, isList := value.([]any)
	if !isList && value != nil {
		list = []any{value}
	}
	var out []string
	for _, item := range list {
		out = append(out, fmt.Sprint(item))
	}
	return out
}

// own is the resource itself, or one that a call makes.
func (s *Rights) own(l *resource.Live, service, word string, making bool) iam.Resource {
	id := l.PhysicalID
	for _, attribute := range []string{"AllocationId", "KeyPairId"} {
		if l.Type != "AWS::EC2::KeyPair" || service == "ssm" {
			if other := l.Attributes[attribute]; other != "" {
				id = other
			}
		}
	}
	if _, name, isARN := strings.Cut(id, "/"); isARN && (l.Type == resource.ManagedPolicyType || l.Type == "AWS::IAM::OIDCProvider") {
		id = name
	}
	rest, self := strings.CutSuffix(word, "self")
	if !self {
		rest, _ = strings.CutSuffix(word, "new")
		if id = "new"; l.Type == "AWS::EC2::KeyPair" && service == "ec2" {
			id = fmt.Sprint(l.Properties["KeyName"])
		}
		if rest == word {
			id = ""
		}
	}
	tags := l.Tags
	if making {
		tags = nil
	}
	r := s.resource(service, rest+id, tags)
	if arn := boundary(l); arn != "" {
		r.Context["iam:PermissionsBoundary"] = []string{arn}
	}
	return r
}

// kinds are what properties name, by the beginning of the id.
var kinds = []struct{ prefix, kind string }{
	{"vpc-", "vpc/"}, {"subnet-", "subnet/"}, {"rtb-", "route-table/"}, {"igw-", "internet-gateway/"}, {"sg-", "security-group/"}, {"eipalloc-", "elastic-ip/"}, {"nat-", "natgateway/"},
}

// other is what a property names.
func (s *Rights) other(service, property, name string) iam.Resource {
	switch property {
	case "Roles":
		return s.principal("role", resource.RoleType, name)
	case "Users":
		return s.principal("user", resource.UserType, name)
	case "HostedZoneId":
		return s.resource("route53", "hostedzone/"+name, nil)
	case "DBSubnetGroupName":
		return s.resource("rds", "subgrp:"+name, nil)
	}
	for _, k := range kinds {
		if strings.HasPrefix(name, k.prefix) {
			return s.resource(service, k.kind+name, s.tagsOf(name))
		}
	}
	return s.resource(service, name, nil)
}

// principal is a role or user that a property names, with its permissions boundary.
func (s *Rights) principal(word, kind, name string) iam.Resource {
	r := s.resource("iam", word+"/"+name, nil)
	if arn := s.boundaryOf(kind, name); arn != "" {
		r.Context["iam:PermissionsBoundary"] = []string{arn}
	}
	return r
}

// tagsOf are the tags of a resource of any stack, by its id.
func (s *Rights) tagsOf(id string) map[string]string {
	for l := range s.all {
		if l.PhysicalID == id || l.Attributes["AllocationId"] == id {
			return l.Tags
		}
	}
	return nil
}

// resource is one of a request.
func (s *Rights) resource(service, rest string, tags map[string]string) iam.Resource {
	region, account := s.region, s.account
	switch service {
	case "iam":
		region = ""
	case "route53":
		region, account = "", ""
	}
	r := iam.Resource{ARN: "arn:aws:" + service + ":" + region + ":" + account + ":" + rest, Context: iam.Context{}}
	for key, value := range tags {
		r.Context["aws:ResourceTag/"+key] = []string{value}
	}
	return r
}
