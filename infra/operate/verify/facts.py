"""The table: what AWS does, as far as the code rests on it."""

from infra.operate.verify.fact import Fact, Grade, Stage

_EC2 = "API model of EC2"
_IDEMPOTENCY = "https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-idempotency.html"
_RESTRICTIONS = (
    "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/launch-template-restrictions.html"
)

_TEMPLATES = (
    Fact(
        id="ids-beside-page-size",
        claim="DescribeLaunchTemplates takes ids and a page size together.",
        grade=Grade.INFERRED,
        source="no text; EC2 refuses that of instances, images, snapshots and VPCs",
        rests=("handlers/ec2.py _each",),
        otherwise="Nothing: no call of ours has both.",
    ),
    Fact(
        id="defaults-by-image",
        claim="DescribeLaunchTemplateVersions lists the default versions of all templates that name"
        " an image.",
        grade=Grade.DOCUMENTED,
        source=f"{_EC2}, DescribeLaunchTemplateVersions: Versions, Filters",
        rests=("handlers/ec2.py templates_on",),
        otherwise="A template whose image is lost would wait for the next image or reconcile.",
    ),
    Fact(
        id="high-water-mark-is-a-tag",
        claim="The key and the value of the high-water mark are a valid tag, and tag-key finds it.",
        grade=Grade.DOCUMENTED,
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html",
        rests=("handlers/ec2.py set_high_water_mark", "handlers/ec2.py opted_in_templates"),
        otherwise="Every promotion would fail at its last write.",
    ),
    Fact(
        id="filter-escapes",
        claim=r"In a filter's value, `*` is a wildcard and `\*` is the character.",
        grade=Grade.DOCUMENTED,
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html",
        rests=("handlers/ec2.py _tag_filter",),
        otherwise="Nothing wrong is taken, for tags are compared again; an image whose tag has"
        " such a character might not be found.",
    ),
    Fact(
        id="all-tags-at-once",
        claim="DeleteTags is taken without any key (asked as a dry run); it then deletes all.",
        grade=Grade.DOCUMENTED,
        source=f"{_EC2}, DeleteTags: Tags",
        rests=("infra/README.md AllTagsAtOnce",),
        otherwise="Nothing: one statement of the SCP would be needless.",
    ),
    Fact(
        id="copy-differs-in-image",
        claim="A version made from a source version differs from it in ImageId alone, snapshots"
        " left aside.",
        grade=Grade.DOCUMENTED,
        source=f"{_EC2}, CreateLaunchTemplateVersion: SourceVersion",
        rests=(
            "handlers/ec2.py create_version",
            "models/launch_template.py differs_in_image_alone",
        ),
        otherwise="Every promotion would be refused: the version is made and never the default.",
    ),
    Fact(
        id="lists-keep-order",
        claim="The lists in it stand in the order of its source.",
        grade=Grade.INFERRED,
        source="no text; other operations of EC2 promise no order",
        rests=("models/launch_template.py parameters",),
        otherwise="Nothing: lists are compared without their order.",
    ),
    Fact(
        id="snapshots-dropped",
        claim="The snapshots of inherited block device mappings are dropped.",
        grade=Grade.DOCUMENTED,
        source=f"{_EC2}, CreateLaunchTemplateVersion: SourceVersion",
        rests=(
            "models/launch_template.py snapshots_lost_with",
            "handlers/writes.py copy_version",
        ),
        otherwise="Nothing is lost: images without that snapshot would be refused for no reason.",
    ),
    Fact(
        id="read-as-answered",
        claim="A version is read as CreateLaunchTemplateVersion answered it.",
        grade=Grade.INFERRED,
        source="no text",
        rests=("handlers/ec2.py create_version",),
        otherwise="A version that is not what was wanted could become the default.",
    ),
    Fact(
        id="same-token-same-version",
        claim="Asked again with the same ClientToken, EC2 answers with the same version and makes"
        " none.",
        grade=Grade.DOCUMENTED,
        source=_IDEMPOTENCY,
        rests=("handlers/ec2.py create_version",),
        otherwise="A promotion that was interrupted would leave one version more, which is never"
        " the default.",
    ),
    Fact(
        id="same-token-other-wish",
        claim="The same ClientToken with another wish is refused as IdempotentParameterMismatch.",
        grade=Grade.DOCUMENTED,
        source=_IDEMPOTENCY,
        rests=("infra/embedded/repairs/launch_templates.py _once",),
        otherwise="Nothing: a token of ours has one wish.",
    ),
    Fact(
        id="missing-image-warned",
        claim="A version with an image that does not exist is made, and the answer warns with"
        " InvalidAMIID.NotFound.",
        grade=Grade.DOCUMENTED,
        source=_RESTRICTIONS,
        rests=("handlers/ec2.py create_version",),
        otherwise="With another code: nothing, any warning is enough. Without a warning: an image"
        " that is lost in the same second could become the default.",
    ),
    Fact(
        id="image-not-warned",
        claim="A version with an image that exists is made without a warning.",
        grade=Grade.INFERRED,
        source=f"{_EC2}, CreateLaunchTemplateVersion: Warning",
        rests=("handlers/ec2.py create_version",),
        otherwise="Every promotion would be refused, and would say which warning.",
    ),
    Fact(
        id="parameter-kept",
        claim="An ImageId of resolve:ssm: is kept and shown as it is written.",
        grade=Grade.DOCUMENTED,
        source=f"{_EC2}, DescribeLaunchTemplateVersions: ResolveAlias",
        rests=("models/decision.py SSM_PARAMETER_IMAGE",),
        otherwise="A template that follows a parameter would be moved to a literal image.",
    ),
    Fact(
        id="min-version",
        claim="MinVersion counts the version that it names.",
        grade=Grade.INFERRED,
        source=f"{_EC2}, DescribeLaunchTemplateVersions: MinVersion, which says after which",
        rests=("handlers/ec2.py versions",),
        otherwise="Nothing: one version more is asked for, and what is not wanted left out.",
    ),
    Fact(
        id="latest-in-answer",
        claim="ModifyLaunchTemplate answers with the new default and the latest version's number.",
        grade=Grade.DOCUMENTED,
        source=f"{_EC2}, ModifyLaunchTemplate: LaunchTemplate",
        rests=("handlers/ec2.py set_default",),
        otherwise="A version that a person made meanwhile would be seen at the next event only.",
    ),
    Fact(
        id="missing-version-refused",
        claim="A default version that does not exist is refused as"
        " InvalidLaunchTemplateId.VersionNotFound.",
        grade=Grade.SEEN,
        source="a recorded answer of AWS in LocalStack's tests",
        rests=("infra/embedded/repairs/launch_templates.py _set_default",),
        otherwise="Nothing: the code is only shown.",
    ),
    Fact(
        id="default-not-deleted",
        claim="That the default version cannot be deleted is told in an answer that is no error.",
        grade=Grade.DOCUMENTED,
        source=f"{_EC2}, DeleteLaunchTemplateVersions",
        rests=("infra/operate/writes.py delete_versions",),
        otherwise="Nothing: prune never asks for it, and says either.",
    ),
    Fact(
        id="numbers-not-reused",
        claim="A version's number is never given twice.",
        grade=Grade.DOCUMENTED,
        source=f"{_EC2}, CreateLaunchTemplateVersion: versions are numbered in their order",
        rests=("models/tags.py HighWaterMark", "infra/operate/prune.py choose"),
        otherwise="After a prune, the high-water mark could name another version than it did.",
    ),
    Fact(
        id="token-outlives-version",
        claim="The ClientToken of a version that was deleted is answered with that version.",
        grade=Grade.INFERRED,
        source=f"{_IDEMPOTENCY}; how long a token lives is not said",
        rests=("infra/operate/prune.py choose",),
        otherwise="Nothing: prune leaves versions alone that are younger than a week.",
    ),
    Fact(
        id="image-id-as-filter",
        claim="DescribeImages takes image-id as a filter beside a page size, disabled and"
        " deprecated images included, and answers with nothing if there is none.",
        grade=Grade.DOCUMENTED,
        source=f"{_EC2}, DescribeImages: Filters, IncludeDisabled, IncludeDeprecated, MaxResults",
        rests=("handlers/ec2.py own_image", "handlers/ec2.py _images"),
        otherwise="No image could be read: every event would fail, and say so.",
    ),
    Fact(
        id="backup-proved-twice",
        claim="An image of AWS Backup names its instance twice: in SourceInstanceId and in the tag"
        " aws:backup:source-resource.",
        grade=Grade.INFERRED,
        source="AWS Backup's role may CreateImage, which sets the field; the tag is in a managed"
        " policy of AWS's",
        rests=("models/image.py source_instances", "models/image.py is_copy"),
        otherwise="Without the field, each backup would be skipped as copied-image, which explain"
        " says; ami-reactor:copied-images = allow takes it.",
    ),
    Fact(
        id="boot-mode-inherited",
        claim="An image boots as the image did from which its instance was started.",
        grade=Grade.DOCUMENTED,
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/set-ami-boot-mode.html",
        rests=("models/image.py starts_where",),
        otherwise="Such images would be skipped as other-boot-mode, which explain says.",
    ),
)

_EVENTBRIDGE = "https://docs.aws.amazon.com/eventbridge/latest/userguide/"
_NO_STREAMS = "the embedded AWS knows policies of the account, not those of a log group"
_NO_METRICS = "the embedded AWS counts no metrics of rules"

_EVENTS = (
    Fact(
        id="aws-source-refused",
        claim="PutEvents refuses an event whose source begins with aws. as"
        " NotAuthorizedForSourceException, in an answer that is no error.",
        grade=Grade.SEEN,
        source="API model of EventBridge, PutEventsResultEntry; a published answer",
        rests=("infra/embedded/repairs/events.py REFUSED", "infra/dead_letters/redrive.py"),
        otherwise="Nothing breaks: a redrive invokes the function. But anyone with PutEvents could"
        " forge a backup, which costs a look at EC2.",
    ),
    Fact(
        id="event-has-nine-fields",
        claim="An event is delivered with the nine fields of its envelope, as the body of a"
        " message.",
        grade=Grade.SEEN,
        source=f"{_EVENTBRIDGE}eb-events-structure.html",
        rests=("models/events.py", "infra/embedded/delivery.py"),
        otherwise="Fields that are new are ignored. An event without one is rejected by name, and"
        " waits in the dead-letter queue.",
    ),
    Fact(
        id="event-time-in-seconds",
        claim="An event's time is in UTC and whole seconds, such as 2026-06-15T17:00:31Z.",
        grade=Grade.DOCUMENTED,
        source=f"{_EVENTBRIDGE}eb-events-structure.html",
        rests=("infra/embedded/delivery.py",),
        otherwise="Nothing: any date of ISO 8601 is read.",
    ),
    Fact(
        id="visibility-reset",
        claim="A message whose visibility timeout is set to 0 is received again at once.",
        grade=Grade.DOCUMENTED,
        source="API model of SQS, ChangeMessageVisibility",
        rests=("infra/dead_letters/queue.py reset_visibility",),
        otherwise="A message that dlq looked at would be in flight for a while; none is lost.",
    ),
    Fact(
        id="undelivered-event-kept",
        claim="An event that cannot be delivered for good goes to the rule's dead-letter queue at"
        " once, as it is.",
        grade=Grade.DOCUMENTED,
        source=f"{_EVENTBRIDGE}eb-rule-dlq.html",
        rests=("models/dead_letter.py", "infra/embedded/delivery.py RETRY_ATTEMPTS"),
        otherwise="dlq would call the message unreadable, and keep it.",
    ),
    Fact(
        id="dead-letter-attributes",
        claim="The message names rule, target, error and retries in its attributes.",
        grade=Grade.DOCUMENTED,
        source=f"{_EVENTBRIDGE}eb-rule-dlq.html",
        rests=("models/dead_letter.py RULE_ARN",),
        otherwise="Without RULE_ARN and ERROR_CODE, dlq takes it for Lambda's own; the verdict on"
        " its event stays the same.",
    ),
    Fact(
        id="dead-letter-code",
        claim="A target that does not exist is NO_RESOURCE or NO_PERMISSIONS.",
        grade=Grade.DOCUMENTED,
        source=f"{_EVENTBRIDGE}eb-rule-dlq.html",
        rests=("infra/dead_letters/verdict.py NO_PERMISSIONS",),
        otherwise="dlq shows AWS's code, and no advice on it.",
    ),
    Fact(
        id="tag-change-sent",
        claim="A tag that changes on a launch template sends Tag Change on Resource, with the"
        " changed keys.",
        grade=Grade.INFERRED,
        source="https://docs.aws.amazon.com/tag-editor/latest/userguide/tag-monitor.html",
        rests=("infra/template.yaml TemplateTagged", "models/events.py"),
        otherwise="An opt-in, or the end of a hold, waits for the next image or reconcile.",
    ),
    Fact(
        id="tags-at-creation-sent",
        claim="Tags that a launch template is created with send it, too.",
        grade=Grade.INFERRED,
        source="https://docs.aws.amazon.com/tag-editor/latest/userguide/tag-monitor.html",
        rests=("infra/template.yaml TemplateTagged",),
        otherwise="A template that is created with its opt-in waits for the next image.",
    ),
    Fact(
        id="deletion-sends-none",
        claim="The deletion of a launch template sends no such event.",
        grade=Grade.INFERRED,
        source="no text",
        rests=("handlers/reaction.py NO_FOLLOWER",),
        otherwise="Nothing: an event about a template that is gone is ignored as no-follower.",
    ),
    Fact(
        id="policy-on-log-group",
        claim="A policy on the log group itself lets EventBridge write to it.",
        grade=Grade.INFERRED,
        source="API model of CloudWatch Logs, PutResourcePolicy: resourceArn",
        rests=("infra/template.yaml CapturedEventsPolicy",),
        otherwise="Nothing: the stack's policy is one of the account's.",
        only_aws=_NO_STREAMS,
    ),
    Fact(
        id="stream-without-rule",
        claim="EventBridge names the rule when it puts events, and not when it makes the stream.",
        grade=Grade.INFERRED,
        source="two published policies",
        rests=("infra/template.yaml MakeAStream",),
        otherwise="Nothing: the stack's policy lets it make the stream either way.",
        only_aws=_NO_STREAMS,
    ),
    Fact(
        id="rule-metrics-by-name",
        claim="The metrics of a rule on the default bus have RuleName as their only dimension.",
        grade=Grade.DOCUMENTED,
        source=f"{_EVENTBRIDGE}eb-monitoring.html",
        rests=("infra/template.yaml InvocationsFailedToBeSentToDlq",),
        otherwise="The alarm for lost messages would stay silent.",
        only_aws=_NO_METRICS,
    ),
    Fact(
        id="sum-of-missing-metrics",
        claim="SUM(FILL(METRICS(), 0)) counts a metric without data as 0.",
        grade=Grade.INFERRED,
        source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/"
        "using-metric-math.html",
        rests=("infra/template.yaml SUM(FILL(METRICS(), 0))",),
        otherwise="The alarm for lost messages would stay silent.",
        only_aws=_NO_METRICS,
    ),
)

_STACK = (
    Fact(
        id="role-is-fenced",
        claim="IAM lets the function's role write to templates that opted in, and to none that is"
        " held, only observes or did not opt in.",
        grade=Grade.DOCUMENTED,
        source="https://docs.aws.amazon.com/service-authorization/latest/reference/"
        "list_amazonec2.html",
        rests=("infra/template.yaml aws:ResourceTag", "infra/operate/permissions.py questions"),
        otherwise="Too little: promotions fail and name the permission. Too much: a hold would be"
        " kept by the code alone.",
    ),
    Fact(
        id="backup-event-names-image",
        claim="Backup Job State Change, COMPLETED, of an instance has the image's ARN as its only"
        " resource.",
        grade=Grade.INFERRED,
        source="https://docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html, composed"
        " with a published restore event",
        rests=("models/events.py", "tests/events/README.md"),
        otherwise="The event is rejected or ignored, and says why; EC2 AMI State Change brings the"
        " image, too.",
    ),
    Fact(
        id="backup-sends-available",
        claim="An image that AWS Backup makes sends EC2 AMI State Change, too.",
        grade=Grade.INFERRED,
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/monitor-ami-events.html: AWS"
        " Backup calls CreateImage",
        rests=("infra/template.yaml AmiStateChanged",),
        otherwise="One event for each backup instead of two: after a lost one, the image waits for"
        " the next reconcile.",
    ),
    Fact(
        id="recovery-point-is-image",
        claim="The recovery point of an instance is its image: the ARN is the image's.",
        grade=Grade.SEEN,
        source="a published output of aws backup get-recovery-point-restore-metadata",
        rests=("infra/operate/backups.py RecoveryPoint",),
        otherwise="doctor would not see that a golden instance's images are temporary.",
    ),
)

_LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/"
_BACKUP = "https://docs.aws.amazon.com/aws-backup/latest/devguide/"

_NOT_ASKED = (
    Fact(
        id="best-effort",
        claim="Events of EC2, AWS Backup and tags are sent by best effort: late, twice, in another"
        " order, or never.",
        grade=Grade.DOCUMENTED,
        source="https://docs.aws.amazon.com/eventbridge/latest/ref/events-ref-backup.html",
        rests=("handlers/reaction.py", "infra/template.yaml ReconcileSchedule"),
        otherwise="Nothing: an event only wakes the function, which reads EC2.",
    ),
    Fact(
        id="rule-retries",
        claim="EventBridge tries a target for up to 24 hours and 185 times, and then sends the"
        " event to the rule's dead-letter queue.",
        grade=Grade.DOCUMENTED,
        source=f"{_EVENTBRIDGE}eb-rule-event-delivery.html",
        rests=("infra/template.yaml MaximumRetryAttempts",),
        otherwise="A reconcile finds what a lost event was about.",
    ),
    Fact(
        id="function-retries",
        claim="Lambda tries an event three times, one and two minutes apart, and then writes a"
        " record of it to the on-failure destination.",
        grade=Grade.SEEN,
        source=f"{_LAMBDA}invocation-async-retain-records.html",
        rests=("infra/template.yaml EventInvokeConfig", "models/dead_letter.py"),
        otherwise="A record of another shape is unreadable to dlq, which keeps it.",
    ),
    Fact(
        id="paused-function-keeps-events",
        claim="With a reserved concurrency of 0, Lambda sends each event to the on-failure"
        " destination without an attempt. To ask would pause a function at work.",
        grade=Grade.DOCUMENTED,
        source=f"{_LAMBDA}invocation-async-error-handling.html",
        rests=("infra/embedded/delivery.py ZeroReservedConcurrency", "infra/README.md"),
        otherwise="Events of a pause would be lost; the reconcile after it finds the images.",
    ),
    Fact(
        id="default-at-launch",
        claim="A group that uses $Default launches the version that is the default at that moment.",
        grade=Grade.DOCUMENTED,
        source="https://docs.aws.amazon.com/autoscaling/ec2/userguide/"
        "ec2-auto-scaling-launch-template-permissions.html",
        rests=("infra/operate/groups.py", "infra/embedded/repairs/launches.py"),
        otherwise="A promotion would change nothing that is launched.",
    ),
    Fact(
        id="write-needs-no-launch",
        claim="To create a version and to set the default needs neither ec2:RunInstances nor"
        " iam:PassRole.",
        grade=Grade.DOCUMENTED,
        source="https://docs.aws.amazon.com/service-authorization/latest/reference/"
        "list_amazonec2.html",
        rests=("infra/template.yaml CreateLaunchTemplateVersion",),
        otherwise="Every promotion would fail, and name the permission.",
    ),
    Fact(
        id="images-in-no-order",
        claim="DescribeImages promises no order, and may show an image late.",
        grade=Grade.DOCUMENTED,
        source=f"{_EC2}, DescribeImages",
        rests=("models/image.py newest", "handlers/promotion.py"),
        otherwise="Nothing: images are sorted, and that one is gone is believed after an hour"
        " only.",
    ),
    Fact(
        id="deprecated-not-shown",
        claim="Other owners' deprecated images are shown with IncludeDeprecated only, and"
        " instances launch from them.",
        grade=Grade.DOCUMENTED,
        source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ami-deprecate.html",
        rests=("handlers/ec2.py IncludeDeprecated",),
        otherwise="Nothing: they are asked for, and judged by their date.",
    ),
    Fact(
        id="idle-queue-has-no-metrics",
        claim="A queue that is not used for six hours may send no metrics.",
        grade=Grade.DOCUMENTED,
        source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/"
        "monitoring-using-cloudwatch.html",
        rests=("infra/template.yaml TreatMissingData: ignore",),
        otherwise="Nothing: the alarm keeps its state when data is missing.",
    ),
    Fact(
        id="own-images-always-allowed",
        claim="Allowed AMIs restricts no image that the account owns.",
        grade=Grade.DOCUMENTED,
        source="https://docs.aws.amazon.com/AWSEC2/latest/APIReference/"
        "API_ReplaceImageCriteriaInAllowedImagesSettings.html",
        rests=("handlers/ec2.py own_image",),
        otherwise="An image that is not allowed is not seen, and so not taken.",
    ),
    Fact(
        id="backup-deregisters",
        claim="AWS Backup deregisters an image at the end of its retention, whatever names it.",
        grade=Grade.INFERRED,
        source=f"{_BACKUP}deleting-backups.html, which names no check of launch templates",
        rests=("models/decision.py CURRENT_IMAGE_GONE",),
        otherwise="Nothing: no template would have to leave its image.",
    ),
    Fact(
        id="air-gapped-is-temporary",
        claim="A plan whose target is a logically air-gapped vault deletes the image once it is"
        " copied.",
        grade=Grade.DOCUMENTED,
        source=f"{_BACKUP}lag-vault-primary-backup.html",
        rests=("infra/operate/backups.py TEMPORARY",),
        otherwise="Nothing: doctor would warn for no reason.",
    ),
    Fact(
        id="move-needs-queue-source",
        claim="StartMessageMoveTask takes only dead-letter queues of other queues.",
        grade=Grade.DOCUMENTED,
        source="API model of SQS, StartMessageMoveTask",
        rests=("infra/dead_letters/redrive.py",),
        otherwise="Nothing: dlq redrive invokes the function itself.",
    ),
    Fact(
        id="cloudformation-tags-at-creation",
        claim="CloudFormation writes a launch template's own tags at its creation only.",
        grade=Grade.DOCUMENTED,
        source="https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/957",
        rests=("infra/operate/follow.py",),
        otherwise="Nothing: follow would only write what is there already.",
    ),
)

_BY_STAGE = {
    Stage.TEMPLATES: _TEMPLATES,
    Stage.EVENTS: _EVENTS,
    Stage.STACK: _STACK,
    None: _NOT_ASKED,
}

FACTS = {
    fact.id: fact.model_copy(update={"stage": stage})
    for stage, listed in _BY_STAGE.items()
    for fact in listed
}


def facts(*ids: str) -> tuple[Fact, ...]:
    return tuple(FACTS[one] for one in ids)
