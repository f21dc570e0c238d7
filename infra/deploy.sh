#!/usr/bin/env bash
# Deploys what infra/*.tf describes with gcloud alone. Run it again after a change: it creates what is missing and updates
# the rest. It deletes nothing, and knows the defaults only; what it cannot set has a variable in infra/variables.tf.
#
#   infra/deploy.sh [--dry-run] deploy PROJECT [REGION]
#   infra/deploy.sh [--dry-run] keep-storage-events PROJECT REGION FUNCTION DEAD_LETTER_TOPIC
#
# --dry-run prints the commands that a fresh project would need, and runs none. From the environment:
#   PREFIX=uplook  BACKEND=vertex|developer  FORGET=true|false  RUN=v1  MAX_INSTANCES=1  STRIP_METADATA=true|false
#   MAX_CALLS_PER_DAY=2000  MAX_USD_PER_DAY=5  (empty: no ceiling)  REUSE_ANSWERS=true|false  BATCH=true|false
#   GEMINI_API_KEY, for BACKEND=developer: it is stored as the secret's next version; unset, the newest is deployed.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly WORKER_S=300 PLATFORM_S=330 ACK_S=390 LEASE_S=450
readonly RUNTIME=python314
# name part concurrency memory instances: as local.entry_points in infra/functions.tf
readonly INSTANCES="${MAX_INSTANCES:-1}"
WORKERS=$(tr -d '[]," ' <infra/tasks.json | sed "/./!d; s/$/ worker 8 4Gi ${INSTANCES}/")
RELEASE_MEMORY=$([ "${BATCH:-false}" = true ] && printf 1Gi || printf 512Mi) # a job's lines and answers
readonly WORKERS RELEASE_MEMORY
readonly FUNCTIONS="\
${WORKERS}
dead_letter bookkeeper 4 512Mi 2
release releaser 1 ${RELEASE_MEMORY} 1
ingest ingester 16 512Mi 5
forget forgetter 4 512Mi 2"

usage() {
    sed -n '2,12s/^# \{0,1\}//p' infra/deploy.sh
    exit 2
}

# What cannot be meant, before anything is made: expected, found.
refuse() {
    printf 'infra/deploy.sh: %s\n' "$*" >&2
    exit 2
}

is_prefix() { # as var.prefix
    local LC_ALL=C # in some languages A lies between a and z
    [[ $1 =~ ^[a-z][a-z0-9-]{0,16}[a-z0-9]$ ]]
}

run() {
    if [ "${dry}" = yes ]; then
        printf '%q ' "$@"
        printf '\n'
    else
        "$@"
    fi
}

# gcloud's answer; in a dry run, which asks nobody, what stands for it.
ask() {
    local stand_in=$1
    shift
    if [ "${dry}" = yes ]; then printf '%s' "${stand_in}"; else "$@"; fi
}

# create_unless "describe …" create …: creates what cannot be described.
create_unless() {
    local describe=$1
    shift
    # shellcheck disable=SC2086 # words of a command
    if [ "${dry}" = yes ] || ! gcloud ${describe} --project="${project}" >/dev/null 2>&1; then
        run gcloud "$@" --project="${project}"
    fi
}

# grant KIND RESOURCE MEMBER ROLE [flags]: on a resource, for a service account's address.
grant() {
    local kind=$1 resource=$2 member=$3 role=$4
    shift 4
    # shellcheck disable=SC2206 # words of a command
    local words=(gcloud ${kind} add-iam-policy-binding "${resource}" --member="serviceAccount:${member}" --role="${role}" "$@")
    if [ "${dry}" = yes ]; then
        run "${words[@]}"
        return
    fi
    # A new account is not known everywhere at once: https://cloud.google.com/iam/docs/service-accounts-create#creating
    local attempt
    for attempt in 1 2 3 4 5; do
        if "${words[@]}" >/dev/null; then return; fi # the answer is the whole policy
        printf 'attempt %s of 5 failed: %s for %s on %s\n' "${attempt}" "${role}" "${member}" "${resource}" >&2
        sleep "$((attempt * 5))"
    done
    return 1
}

account() { printf '%s-%s@%s.iam.gserviceaccount.com' "${prefix}" "${1//_/-}" "${project}"; }
agent() { printf 'service-%s@%s.iam.gserviceaccount.com' "${number}" "$1"; }
bucket() { printf 'gs://%s-%s-%s' "${project}" "${prefix}" "$1"; }
topic() { printf 'projects/%s/topics/%s-image-%s' "${project}" "${prefix}" "$1"; }

enable_apis() {
    local apis=(artifactregistry cloudbuild cloudfunctions cloudresourcemanager cloudscheduler eventarc iam logging pubsub run storage)
    if [ "${backend}" = vertex ]; then apis+=(aiplatform); else apis+=(secretmanager); fi
    run gcloud services enable "${apis[@]/%/.googleapis.com}" --project="${project}"
}

make_identities() {
    local name
    for name in ${names} push trigger build; do
        create_unless "iam service-accounts describe $(account "${name}")" \
            iam service-accounts create "${prefix}-${name//_/-}" --display-name="Uplook: ${name}"
    done
    for name in ${agents}; do
        run gcloud beta services identity create --service="${name}.googleapis.com" --project="${project}"
    done
    run gcloud storage service-agent --project="${project}"

    grant projects "${project}" "$(agent gcp-sa-eventarc)" roles/eventarc.serviceAgent --condition=None
    grant projects "${project}" "$(agent gs-project-accounts)" roles/pubsub.publisher --condition=None
    grant projects "${project}" "$(account trigger)" roles/eventarc.eventReceiver --condition=None
    grant projects "${project}" "$(account build)" roles/logging.logWriter --condition=None
    grant projects "${project}" "$(account build)" roles/storage.objectViewer \
        --condition="title=${prefix} sources only,expression=resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-\")"
    for name in push trigger; do # Pub/Sub signs the tokens of both
        grant "iam service-accounts" "$(account "${name}")" "$(agent gcp-sa-pubsub)" roles/iam.serviceAccountOpenIdTokenCreator \
            --project="${project}"
    done
}

# The newest enabled version of the key: none where the secret, or its API, is not there yet.
key_version() {
    ask 1 gcloud secrets versions list "${prefix}-gemini-api-key" --filter=state=enabled --limit=1 --format="value(name)" \
        --project="${project}" --quiet
}

need_key() {
    if [ "${backend}" = developer ] && [ -z "${GEMINI_API_KEY:-}" ] && [ -z "$(key_version 2>/dev/null || true)" ]; then
        refuse "BACKEND=developer: expected a key, found neither GEMINI_API_KEY nor an enabled version of the secret" \
            "${prefix}-gemini-api-key in ${project}. Give it once: GEMINI_API_KEY=… BACKEND=developer infra/deploy.sh deploy ${project} ${region}"
    fi
}

let_functions_ask() {
    local name role secret="${prefix}-gemini-api-key"
    if [ "${backend}" = vertex ]; then
        # As in infra/identities.tf: a role's id is blocked for weeks after the role was deleted, and an account's never returns.
        role="${prefix//-/_}_ask_models_$(ask 100000000000000000001 gcloud iam service-accounts describe "$(account build)" \
            --project="${project}" --format="value(uniqueId)")"
        create_unless "iam roles describe ${role}" \
            iam roles create "${role}" --title="Uplook: ask models" --permissions=aiplatform.endpoints.predict
        for name in ${workers}; do
            grant projects "${project}" "$(account "${name}")" "projects/${project}/roles/${role}" --condition=None
        done
        if [ "${batch}" = true ]; then
            role=${role/_ask_models_/_batch_jobs_}
            create_unless "iam roles describe ${role}" \
                iam roles create "${role}" --title="Uplook: make and follow batch jobs" --permissions="${batch_permissions}"
            grant projects "${project}" "$(account release)" "projects/${project}/roles/${role}" --condition=None
        fi
        return
    fi
    create_unless "secrets describe ${secret}" \
        secrets create "${secret}" --replication-policy=user-managed --locations="${region}"
    if [ -n "${GEMINI_API_KEY:-}" ]; then
        run gcloud secrets versions add "${secret}" --data-file=- --project="${project}" < <(printf '%s' "${GEMINI_API_KEY}")
    fi
    for name in ${workers} $([ "${forget}" = true ] && printf forget) $([ "${batch}" = true ] && printf release); do
        # forget deletes copies of images, release makes batch jobs
        grant secrets "${secret}" "$(account "${name}")" roles/secretmanager.secretAccessor --project="${project}"
    done
}

make_buckets() {
    local name soft role
    for name in uploads results work source; do
        soft=7d
        if [ "${name}" = work ] || [ "${name}" = source ] || { [ "${name}" = results ] && [ "${forget}" = true ]; }; then soft=0; fi
        create_unless "storage buckets describe $(bucket "${name}")" storage buckets create "$(bucket "${name}")" \
            --location="${region}" --uniform-bucket-level-access --public-access-prevention
        run gcloud storage buckets update "$(bucket "${name}")" --soft-delete-duration="${soft}"
    done
    run gcloud storage buckets update "$(bucket work)" --lifecycle-file=infra/work-lifecycle.json

    for name in ${workers} $([ "${forget}" = true ] && printf forget); do
        grant "storage buckets" "$(bucket uploads)" "$(account "${name}")" roles/storage.objectViewer --condition=None
    done
    if [ "${backend}" = vertex ]; then # which fetches images as its own agent
        grant "storage buckets" "$(bucket uploads)" "$(agent gcp-sa-aiplatform)" roles/storage.objectViewer --condition=None
    fi
    if [ "${backend}:${batch}" = vertex:true ]; then # and reads the lines of a batch job, and writes its answers
        for role in Creator Viewer; do share_with "$(agent gcp-sa-aiplatform)" batches/files/ "${role}" 'batch jobs'; done
    fi
    for name in ${workers} dead_letter; do
        grant "storage buckets" "$(bucket results)" "$(account "${name}")" roles/storage.objectCreator --condition=None
        grant "storage buckets" "$(bucket results)" "$(account "${name}")" roles/storage.objectViewer --condition=None
    done
    share_work
    if [ "${forget}" = true ]; then
        grant "storage buckets" "$(bucket results)" "$(account forget)" roles/storage.objectUser --condition=None
    fi
}

# The rights to the work bucket, folder by folder: as local.work_grants in infra/buckets.tf, which says why.
share_work() {
    local name folder role
    for name in ${workers} dead_letter release $([ "${forget}" = true ] && printf forget); do
        grant "storage buckets" "$(bucket work)" "$(account "${name}")" roles/storage.legacyBucketReader --condition=None
    done
    for name in ${workers}; do
        share "${name}" held/ User "/${name}.json"
        share "${name}" leases/ User "/${name}.json"
        for role in Creator Viewer; do
            share "${name}" replies/ "${role}" "/${name}.json" "/${name}.ask-1.json"
            share "${name}" spending/ "${role}"
            if [ "${name}" = ask ]; then share "${name}" seen/ "${role}"; fi
            if [ "${reuse}" = true ]; then
                share "${name}" answers/ "${role}" "/${name}.json"
                share "${name}" uses/ "${role}" "/${name}.json"
            fi
        done
        if [ "${batch}" = true ]; then share "${name}" batches/lines/ User "/${name}.json"; fi
    done
    for role in Creator Viewer; do share dead_letter dead/ "${role}"; done
    share dead_letter leases/ User
    share release held/ User
    share release leases/ Viewer
    share release releases/ User
    share release replies/ Viewer
    if [ "${batch}" = true ]; then
        for folder in batches/files/ batches/jobs/ batches/lines/; do share release "${folder}" User; done
        for role in Creator Viewer; do share release spending/ "${role}"; done
    fi
    if [ "${forget}" = true ]; then
        for folder in answers/ $([ "${batch}" = true ] && printf batches/lines/) dead/ held/ leases/ replies/ seen/ uses/; do share forget "${folder}" User; done
    fi
}

# share FUNCTION FOLDER ROLE [ENDING…]: a role on the objects below a folder of the work bucket, perhaps by their endings.
share() {
    local name=$1 folder=$2 role=$3 ending endings='' whose='all tasks'
    shift 3
    for ending in "$@"; do endings+="${endings:+ || }resource.name.endsWith(\"${ending}\")"; done
    if [ -n "${endings}" ]; then whose=${name}; fi
    share_with "$(account "${name}")" "${folder}" "${role}" "${whose}" "${endings:+ && (${endings})}"
}

# share_with ADDRESS FOLDER ROLE WHOSE [EXPRESSION]: the same for an account's address; WHOSE goes into the title.
share_with() {
    local address=$1 folder=$2 role=$3 whose=$4 work="${project}-${prefix}-work"
    local expression="resource.type == \"storage.googleapis.com/Object\""
    expression+=" && resource.name.startsWith(\"projects/_/buckets/${work}/objects/${folder}\")${5:-}"
    grant "storage buckets" "$(bucket work)" "${address}" "roles/storage.object${role}" \
        --condition="title=${folder} of ${whose},expression=${expression}"
}

make_topics() {
    local name
    for name in events backfill results dead ticks; do
        create_unless "pubsub topics describe $(topic "${name}")" pubsub topics create "$(topic "${name}")"
    done
    for name in ingest release; do
        grant "pubsub topics" "$(topic events)" "$(account "${name}")" roles/pubsub.publisher
    done
    if [ "${batch}" = true ]; then # what a job has answered goes by the lane of backfills
        grant "pubsub topics" "$(topic backfill)" "$(account release)" roles/pubsub.publisher
    fi
    for name in ${workers} dead_letter; do
        grant "pubsub topics" "$(topic results)" "$(account "${name}")" roles/pubsub.publisher
    done
    grant "pubsub topics" "$(topic dead)" "$(agent gcp-sa-pubsub)" roles/pubsub.publisher
    grant "pubsub topics" "$(topic ticks)" "$(agent gcp-sa-cloudscheduler)" roles/pubsub.publisher
}

make_image_repository() {
    create_unless "artifacts repositories describe ${prefix}-images --location=${region}" \
        artifacts repositories create "${prefix}-images" --repository-format=docker --location="${region}"
    run gcloud artifacts repositories set-cleanup-policies "${prefix}-images" --location="${region}" --project="${project}" \
        --policy=infra/images-cleanup.json --no-dry-run
    grant "artifacts repositories" "${prefix}-images" "$(account build)" roles/artifactregistry.writer \
        --location="${region}" --project="${project}"
}

# The same archive as Terraform's, by the same name.
upload_source() {
    archive=$(ask infra/.build/source-DIGEST.zip python3 -m infra.archive)
    run gcloud storage cp "${archive}" "$(bucket source)/"
}

environment() { # of a function of this part with this concurrency, as gcloud reads it: ^;^ makes the semicolon the separator
    local pairs=(
        "BACKFILL_TOPIC=$(topic backfill)"
        "GOOGLE_CLOUD_LOCATION=global"
        "GOOGLE_CLOUD_PROJECT=${project}"
        "GOOGLE_GENAI_USE_ENTERPRISE=$([ "${backend}" = vertex ] && printf true || printf false)"
        "IMAGE_TOPIC=$(topic events)"
        "LEASE_TTL_S=${LEASE_S}"
        "LOG_FORMAT=json"
        "MAX_CALLS_PER_DAY=${MAX_CALLS_PER_DAY-2000}"
        "MAX_USD_PER_DAY=${MAX_USD_PER_DAY-5}"
        "OTEL_TRACES_EXPORTER=none"
        "RESULTS_BUCKET=${project}-${prefix}-results"
        "RESULT_TOPIC=$(topic results)"
        "REUSE_ANSWERS=${reuse}"
        "RUN=${RUN:-v1}"
        "STRIP_METADATA=${strip}"
        "THREADS=$2"
        "TIMEOUT_S=${WORKER_S}"
        "UPLOAD_BUCKETS=${project}-${prefix}-uploads"
        "WORK_BUCKET=${project}-${prefix}-work"
    )
    case "$1:${batch}" in worker:true | bookkeeper:true | releaser:true) pairs+=(BATCH=true) ;; esac
    local IFS=';'
    printf '^;^%s' "${pairs[*]}"
}

deploy_function() {
    local name=$1 part=$2 concurrency=$3 memory=$4 instances=$5 caller=push version service="${prefix}-${1//_/-}" flags
    flags=(--trigger-http)
    case "${part}" in
    ingester) caller=trigger flags=(--trigger-event-filters="type=google.cloud.storage.object.v1.finalized") ;;
    forgetter) caller=trigger flags=(--trigger-event-filters="type=google.cloud.storage.object.v1.deleted") ;;
    esac
    case "${part}:${backend}:${batch}" in
    worker:developer:* | forgetter:developer:* | releaser:developer:true)
        version=$(key_version)
        flags+=(--set-secrets="GEMINI_API_KEY=${prefix}-gemini-api-key:${version}")
        ;;
    esac
    if [ "${caller}" = trigger ]; then
        flags+=(--trigger-event-filters="bucket=${project}-${prefix}-uploads" --trigger-location="${region}"
            --trigger-service-account="$(account trigger)" --retry)
    fi
    run gcloud functions deploy "${service}" --gen2 --project="${project}" --region="${region}" --quiet \
        --runtime="${RUNTIME}" --source="$(bucket source)/${archive##*/}" --entry-point="${name}" \
        --service-account="$(account "${name}")" \
        --build-service-account="projects/${project}/serviceAccounts/$(account build)" \
        --docker-repository="projects/${project}/locations/${region}/repositories/${prefix}-images" \
        --ingress-settings=internal-only --no-allow-unauthenticated \
        --cpu=1 --memory="${memory}" --timeout="${PLATFORM_S}s" --concurrency="${concurrency}" \
        --min-instances=0 --max-instances="${instances}" --set-env-vars="$(environment "${part}" "${concurrency}")" "${flags[@]}"
    grant "run services" "${service}" "$(account "${caller}")" roles/run.invoker --region="${region}" --project="${project}"
}

# subscribe FUNCTION TOPIC RETENTION [flags of a new one]: pushes the topic's messages to the function.
subscribe() {
    local service="${prefix}-${1//_/-}" topic=$2 retention=$3 uri command=create name backoff=10s
    if [ "${topic}" = "$(topic backfill)" ]; then name="${prefix}-backfill-${1//_/-}" backoff=60s; else name=${service}; fi
    local subscription="projects/${project}/subscriptions/${name}" fixed=(--topic="${topic}" "${@:4}") dead=()
    case " ${workers} " in *" $1 "*) dead=(--dead-letter-topic="$(topic dead)" --max-delivery-attempts=20) ;; esac
    uri=$(ask "https://${service}.run.app" gcloud functions describe "${service}" --gen2 --region="${region}" \
        --project="${project}" --format="value(serviceConfig.uri)")
    if [ "${dry}" = no ] && gcloud pubsub subscriptions describe "${subscription}" >/dev/null 2>&1; then
        command=update fixed=()
    fi
    run gcloud pubsub subscriptions "${command}" "${subscription}" ${fixed[@]+"${fixed[@]}"} \
        --push-endpoint="${uri}/${topic}" --push-auth-service-account="$(account push)" --push-auth-token-audience="${uri}" \
        --ack-deadline="${ACK_S}" --message-retention-duration="${retention}" --expiration-period=never \
        --min-retry-delay="${backoff}" --max-retry-delay=600s ${dead[@]+"${dead[@]}"}
    if [ "${#dead[@]}" -gt 0 ]; then
        grant "pubsub subscriptions" "${subscription}" "$(agent gcp-sa-pubsub)" roles/pubsub.subscriber
    fi
}

make_tick() {
    local command=create
    if [ "${dry}" = no ] && gcloud scheduler jobs describe "${prefix}-tick" --location="${region}" --project="${project}" >/dev/null 2>&1; then
        command=update
    fi
    run gcloud scheduler jobs "${command}" pubsub "${prefix}-tick" --location="${region}" --project="${project}" \
        --schedule="5 * * * *" --time-zone=Etc/UTC --topic="$(topic ticks)" --message-body=tick --max-retry-attempts=3
}

# Eventarc gives up after a day, and then drops the event: https://cloud.google.com/eventarc/docs/retry-events
keep_storage_events() {
    local service=$1 dead_topic=$2 trigger subscription
    trigger=$(ask "TRIGGER" gcloud functions describe "${service}" --gen2 --region="${region}" --project="${project}" \
        --format="value(eventTrigger.trigger)")
    subscription=$(ask "projects/${project}/subscriptions/eventarc-${service}" gcloud eventarc triggers describe "${trigger}" \
        --format="value(transport.pubsub.subscription)")
    run gcloud pubsub subscriptions update "${subscription}" --ack-deadline="${ACK_S}" \
        --message-retention-duration=7d --dead-letter-topic="projects/${project}/topics/${dead_topic##*/}" --max-delivery-attempts=20
    grant "pubsub subscriptions" "${subscription}" "$(agent gcp-sa-pubsub)" roles/pubsub.subscriber
}

deploy() {
    local name part rest worker archive
    need_key
    enable_apis
    make_identities
    let_functions_ask
    make_buckets
    make_topics
    make_image_repository
    upload_source
    # In this order: who drains dead letters before who makes them, and uploads flow only when all else is there.
    while read -r name part rest; do
        if [ "${name}" = forget ] && [ "${forget}" != true ]; then continue; fi
        if [ "${name}" = ingest ]; then
            subscribe dead_letter "$(topic dead)" 7d
            subscribe release "$(topic ticks)" 1h
            for worker in ${workers}; do
                subscribe "${worker}" "$(topic events)" 7d --message-filter="attributes.task = \"${worker}\""
                subscribe "${worker}" "$(topic backfill)" 7d --message-filter="attributes.task = \"${worker}\""
            done
            make_tick
        fi
        # shellcheck disable=SC2086 # the words of a line
        deploy_function "${name}" "${part}" ${rest} </dev/null
        case "${part}" in ingester | forgetter) keep_storage_events "${prefix}-${name}" "$(topic dead)" ;; esac
    done <<<"${FUNCTIONS}"
    printf '# Upload something: gcloud storage cp photo.jpg %s/\n' "$(bucket uploads)"
}

dry=no
if [ "${1:-}" = --dry-run ]; then
    dry=yes
    shift
fi
readonly verb=${1:-} project=${2:-} region=${3:-us-central1} prefix=${PREFIX:-uplook} backend=${BACKEND:-vertex} forget=${FORGET:-false}
readonly strip=${STRIP_METADATA:-false} reuse=${REUSE_ANSWERS:-false} batch=${BATCH:-false}
readonly batch_permissions=aiplatform.batchPredictionJobs.cancel,aiplatform.batchPredictionJobs.create,aiplatform.batchPredictionJobs.get,aiplatform.batchPredictionJobs.list
if [ -z "${project}" ]; then usage; fi
case "${backend}" in vertex | developer) ;; *) refuse "BACKEND=${backend}: expected vertex or developer." ;; esac
case "${forget}" in true | false) ;; *) refuse "FORGET=${forget}: expected true or false." ;; esac
case "${strip}" in true | false) ;; *) refuse "STRIP_METADATA=${strip}: expected true or false." ;; esac
case "${reuse}" in true | false) ;; *) refuse "REUSE_ANSWERS=${reuse}: expected true or false." ;; esac
case "${batch}" in true | false) ;; *) refuse "BATCH=${batch}: expected true or false." ;; esac
if ! is_prefix "${prefix}"; then
    refuse "PREFIX=${prefix}: expected 2-18 of a-z 0-9 -, beginning with a letter, not ending in a hyphen."
fi
agents="cloudscheduler eventarc pubsub$([ "${backend}" = developer ] || printf ' aiplatform')"
names=$(awk -v forget="${forget}" '$1 != "forget" || forget == "true" { print $1 }' <<<"${FUNCTIONS}" | xargs)
workers=$(awk '$2 == "worker" { print $1 }' <<<"${FUNCTIONS}" | xargs)
number=$(ask 123456789012 gcloud projects describe "${project}" --format="value(projectNumber)")
readonly agents names workers number

case "${verb}:$#" in
deploy:[23]) deploy ;;
keep-storage-events:5) keep_storage_events "$4" "$5" ;;
*) usage ;;
esac
