// Package quota compares what an installation needs with the quotas of an AWS account,
// before anything is made.
package quota

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/perpetual-ci/perpetual/pkg/aws"
	"github.com/perpetual-ci/perpetual/pkg/aws/login"
)

// timeout bounds Quotas: it is worth a moment, and no more where a network lets
// nobody reach Service Quotas.
const timeout = 20 * time.Second

// VCPUs gives the vCPUs of each of the named instance types that the region has.
type VCPUs func(ctx context.Context, names []string) (map[string]int, error)

// Reader reads the quotas of one account.
type Reader struct {
	session *login.Session
	vcpus   VCPUs
	ec2     *ec2.Client
	quotas  *servicequotas.Client
}

// New makes a Reader.
func New(session *login.Session, vcpus VCPUs) *Reader {
	config := session.Connection().SDK()
	return &Reader{session: session, vcpus: vcpus, ec2: ec2.NewFromConfig(config), quotas: servicequotas.NewFromConfig(config)}
}

// Needs are how many of what an installation will make.
type Needs struct {
	Addresses int            // elastic IP addresses
	VPCs      int            //
	OnDemand  map[string]int // instances by type, "t3.medium": 1
	Spot      map[string]int // the same on spot; where there are none to be had they are on-demand
}

// Answer is what the quotas of the account say to some needs, in lines for people.
type Answer struct {
	Short   []string // quotas that the needs would exceed, with what helps
	Notes   []string // what else should be known, such as that spot instances will be on-demand
	Unknown []string // quotas that could not be looked at, and why
}

// quota is one of the account's in a region.
type quota struct {
	name, service, code string
	remedy              string // what helps besides having it raised; empty: nothing
}

// The quotas that an installation meets first, by their codes in Service Quotas.
var (
	addressQuota = quota{"EC2-VPC Elastic IPs", "ec2", "L-0263D0A3", "release addresses that nothing uses"}
	vpcQuota     = quota{"VPCs per Region", "vpc", "L-F678F1CE", "name a VPC that exists in aws.network.vpc"}
	cpuQuota     = quota{"Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", "ec2", "L-1216C47A", "choose smaller instance types"}
	spotQuota    = quota{"All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", "ec2", "L-34B43A08", ""}
)

// Quotas compares the account's quotas with the needs. What it may not look at, or
// cannot, is not an error but in the answer. It fails with aws.ErrCredentials, or when ctx
// ends.
func (r *Reader) Quotas(ctx context.Context, n Needs) (Answer, error) {
	bound, cancel := context.WithTimeoutCause(ctx, timeout,
		fmt.Errorf("AWS did not answer well within %s: %w", timeout, context.DeadlineExceeded))
	defer cancel()
	l := &look{Reader: r, ctx: bound}
	if n.Addresses > 0 {
		l.compare(addressQuota, n.Addresses, l.addresses)
	}
	if n.VPCs > 0 {
		l.compare(vpcQuota, n.VPCs, l.vpcs)
	}
	l.instances(n)
	if l.fatal != nil || ctx.Err() != nil {
		return Answer{}, errors.Join(l.fatal, context.Cause(ctx))
	}
	for _, reason := range l.reasons {
		l.answer.Unknown = append(l.answer.Unknown, fmt.Sprintf("not looked at: the quota %s (%s)", strings.Join(l.unknown[reason], ", "), reason))
	}
	return l.answer, nil
}

// look is one call of Quotas.
type look struct {
	*Reader
	ctx     context.Context
	answer  Answer
	unknown map[string][]string // quotas by the reason why they are not known
	reasons []string
	fatal   error
}

// compare looks at a quota and says whether it is too low.
func (l *look) compare(q quota, needed int, used func() (int, error)) {
	limit, taken, ok := l.measure(q, used)
	if ok && taken+needed > limit {
		l.answer.Short = append(l.answer.Short, l.short(q, limit, taken, needed))
	}
}

// measure gives the limit and the use of a quota, if they are known.
func (l *look) measure(q quota, used func() (int, error)) (limit, taken int, ok bool) {
	limit, err := l.limit(q)
	if err == nil {
		taken, err = used()
	}
	if err != nil {
		l.pass(q, err)
	}
	return limit, taken, err == nil
}

// short says that a quota is too low, and what to do.
func (l *look) short(q quota, limit, taken, needed int) string {
	remedy := ""
	if q.remedy != "" {
		remedy = q.remedy + ", or "
	}
	return fmt.Sprintf("quota %q (%s) in %s: %d allowed, %d in use, %d more needed; %shave it raised: aws service-quotas request-service-quota-increase --region %s --service-code %s --quota-code %s --desired-value %d",
		q.name, q.code, l.session.Region(), limit, taken, needed, remedy, l.session.Region(), q.service, q.code, taken+needed)
}

// pass keeps for what reason a quota is not known.
func (l *look) pass(q quota, err error) {
	if errors.Is(err, aws.ErrCredentials) {
		l.fatal = err
	}
	if l.unknown == nil {
		l.unknown = map[string][]string{}
	}
	reason := err.Error()
	if l.unknown[reason] == nil {
		l.reasons = append(l.reasons, reason)
	}
	l.unknown[reason] = append(l.unknown[reason], fmt.Sprintf("%q", q.name))
}

// limit is the value of a quota. One that was never changed may be known by its
// default alone; that of addresses EC2 tells, too.
func (l *look) limit(q quota) (int, error) {
	const action = "look up quotas"
	out, err := l.quotas.GetServiceQuota(l.ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: &q.service, QuotaCode: &q.code})
	if err == nil && out.Quota != nil && out.Quota.Value != nil {
		return whole(*out.Quota.Value), nil
	}
	if q == addressQuota && err != nil {
		if limit, known := l.addressLimit(); known {
			return limit, nil
		}
	}
	if !aws.Refused(err, "NoSuchResourceException") && err != nil {
		return 0, l.session.Wrap(l.ctx, action, err)
	}
	standard, err := l.quotas.GetAWSDefaultServiceQuota(l.ctx, &servicequotas.GetAWSDefaultServiceQuotaInput{ServiceCode: &q.service, QuotaCode: &q.code})
	if err != nil {
		return 0, l.session.Wrap(l.ctx, action, err)
	}
	if standard.Quota == nil || standard.Quota.Value == nil {
		return 0, fmt.Errorf("%s: the answer has no value", action)
	}
	return whole(*standard.Quota.Value), nil
}

// whole makes a number of things of a quota's value.
func whole(value float64) int { return int(math.Min(value, math.MaxInt32)) }

// addressLimit is the quota of addresses as EC2 tells it.
func (l *look) addressLimit() (limit int, known bool) {
	out, err := l.ec2.DescribeAccountAttributes(l.ctx, &ec2.DescribeAccountAttributesInput{
		AttributeNames: []types.AccountAttributeName{"vpc-max-elastic-ips"},
	})
	if err != nil {
		return 0, false
	}
	for _, attribute := range out.AccountAttributes {
		for _, value := range attribute.AttributeValues {
			if n, err := strconv.Atoi(sdk.ToString(value.AttributeValue)); err == nil {
				limit, known = n, true
			}
		}
	}
	return limit, known
}

// addresses counts the elastic IP addresses.
func (l *look) addresses() (int, error) {
	out, err := l.ec2.DescribeAddresses(l.ctx, &ec2.DescribeAddressesInput{})
	if err != nil {
		return 0, l.session.Wrap(l.ctx, "count the elastic IP addresses", err)
	}
	return len(out.Addresses), nil
}

// vpcs counts the VPCs.
func (l *look) vpcs() (int, error) {
	n := 0
	pages := ec2.NewDescribeVpcsPaginator(l.ec2, &ec2.DescribeVpcsInput{MaxResults: sdk.Int32(1000)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(l.ctx)
		if err != nil {
			return 0, l.session.Wrap(l.ctx, "count the VPCs", err)
		}
		n += len(page.Vpcs)
	}
	return n, nil
}
