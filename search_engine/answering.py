"""`Answering`: what a data directory answers to many pictures, items and embeddings at once."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from search_engine.catalog.fields import check_field
from search_engine.classifiers.question import ask_model
from search_engine.classifiers.trained import ClassifierCache, OpenedClassifier, open_classifier
from search_engine.classifiers.zero_shot import ask_labels
from search_engine.collections.live import LiveCollection
from search_engine.data_directory import DataDirectory
from search_engine.errors import EyedexError, ParameterError
from search_engine.records import SearchResult
from search_engine.search.asked import Asked
from search_engine.search.description import check_described
from search_engine.search.explaining import Explainer
from search_engine.search.finding import Finder
from search_engine.search.options import SearchOptions
from search_engine.search.regions import check_regions
from search_engine.search.rerank.pictures import ItemFeatures
from search_engine.search.subject import Subject
from search_engine.search.subjects import Subjects
from search_engine.search.turns import check_turns
from search_engine.vote.calibration.record import Calibration
from search_engine.vote.calibration.store import CalibrationCache
from search_engine.vote.drift import DriftCounter
from search_engine.vote.knowledge import knowledge_of
from search_engine.vote.likeness import TARGETS, likeness_of, unknown
from search_engine.vote.question import Question, VoteQuestion, Wanted, ask, ask_vote

Outcomes = list[SearchResult | EyedexError]
"""Of each that was asked with, in order: what was found, or why nothing was."""


class Answering:
    """Answers questions about the collections of a data directory. For several threads."""

    def __init__(self, directory: DataDirectory, subjects: Subjects) -> None:
        self._catalog = directory.catalog
        self._encoders = directory.encoders
        self.subjects = subjects
        self.finder = Finder(
            self._catalog,
            ItemFeatures(self._catalog, directory.pictures.render),
            Explainer(self._catalog, directory.pictures),
        )
        self._calibrations = CalibrationCache(self._catalog)
        self.drift = DriftCounter(directory.catalog.paths, directory.settings.read_only)
        self._classifiers = ClassifierCache()

    def find(
        self,
        live: LiveCollection,
        subjects: Sequence[Subject],
        options: SearchOptions,
        as_shown: bool = False,
    ) -> list[SearchResult]:
        """Find the neighbors of each subject; see `search_engine.search.finding.Finder.find`."""
        encoder = None
        if options.explain is not None:
            encoder = self._encoders.for_pictures(live, "explain")
        elif options.weights is not None:
            encoder = self._encoders.of(live)
        return self.finder.find(live, encoder, subjects, options, as_shown)

    def search(
        self, live: LiveCollection, asked: Sequence[Asked], options: SearchOptions
    ) -> Outcomes:
        """Find the neighbors of each; see `SearchEngine.search_many`."""
        self.finder.check(live, options)
        for one in asked:
            check_regions(one.regions, one.box is not None, bool(one.examples), options)
            check_turns(one.turns, one.regions is not None, bool(one.examples), options)
            if one.described:
                check_described(options)
        likeness = likeness_of(self._calibrations, live.record)
        limited = likeness.limited(options)

        def find(subjects: Sequence[Subject]) -> list[SearchResult]:
            found = self.find(live, subjects, limited, as_shown=True)
            return likeness.told(found, limited, subjects)

        no_mixes = None if options.min_alike is None else unknown("mix", likeness.command)
        shown = [one for one in asked if not one.described]
        found = iter(self._answered(live, shown, limited, find, no_mixes))
        return [
            self.finder.described(live, options, True) if one.described else next(found)
            for one in asked
        ]

    def classify(self, live: LiveCollection, asked: Sequence[Asked], wanted: Wanted) -> Outcomes:
        """Find the class and the neighbors of each; see `SearchEngine.classify_many`."""
        return self.ask(live, asked, self.question(live, wanted))

    def ask(self, live: LiveCollection, asked: Sequence[Asked], question: Question) -> Outcomes:
        """Find the class and the neighbors of each, by a question that is prepared."""
        for options in (question.voting, question.shown):
            self.finder.check(live, options)
        return self._answered(
            live,
            asked,
            question.shown,
            partial(self._classified, live, question),
            ParameterError(
                "a class is that of one picture, and a mix is for search",
                where="like",
                fix="ask with one picture, item or embedding",
            ),
        )

    def _classified(
        self, live: LiveCollection, question: Question, subjects: Sequence[Subject]
    ) -> list[SearchResult]:
        """Find the class and the neighbors of subjects, and how alike these are."""
        find = partial(self.find, live, subjects)
        if isinstance(question, VoteQuestion) and question.calibrated is not None:
            find = partial(self._find_counted, live, question.calibrated, question.voting, subjects)
        found = ask(question, find)
        likeness = likeness_of(self._calibrations, live.record)
        if isinstance(question, VoteQuestion) and question.target == TARGETS[0]:
            return likeness.told_of_labels(found, question.shown, subjects)
        if not isinstance(question, VoteQuestion):  # it answers alone
            likeness = replace(likeness, familiar=None)
        return likeness.told(found, question.shown, subjects)

    def _find_counted(
        self,
        live: LiveCollection,
        fitted: Calibration,
        voting: SearchOptions,
        subjects: Sequence[Subject],
        options: SearchOptions,
    ) -> list[SearchResult]:
        """Find the neighbors of each subject, and count how near the photos among these are.

        That is by those who vote: `min_score` leaves out of what is shown the photos that are far.
        """
        found = self.find(live, subjects, options)
        if replace(options, k=voting.k) == voting:
            photos = [
                result.neighbors[0].score
                for result, subject in zip(found, subjects, strict=True)
                if result.neighbors and subject.item_key is None
            ]
            self.drift.note(live.record, fitted, photos)
        return found

    def _answered(
        self,
        live: LiveCollection,
        asked: Sequence[Asked],
        options: SearchOptions,
        find: Callable[[Sequence[Subject]], list[SearchResult]],
        no_mixes: EyedexError | None = None,
    ) -> Outcomes:
        """What is found for each that is asked with; only re-ranking and mixing can fail for one
        alone. `no_mixes` is the error for mixes, if they cannot be asked with."""
        if options.filter is not None:
            live.fitted(options.filter)
        are_encoded = any(one.is_encoded for one in asked)
        encoder = self._encoders.for_pictures_if_any(live, are_encoded)
        subjects = self.subjects.of(live, encoder, asked)
        if no_mixes is not None:
            subjects = [
                no_mixes if isinstance(one, Subject) and one.mix is not None else one
                for one in subjects
            ]
        known = [one for one in subjects if not isinstance(one, EyedexError)]
        alone = options.rerank is not None or options.mix is not None
        results = iter(_found_alone(find, known) if alone else find(known))
        return [one if isinstance(one, EyedexError) else next(results) for one in subjects]

    def question(self, live: LiveCollection, wanted: Wanted) -> Question:
        """Prepare the vote or the classifier that is wanted; see `SearchEngine.question`."""
        if wanted.labels is not None:
            if wanted.classifier is not None:
                raise ParameterError(
                    "a trained classifier has labels of its own",
                    where="labels",
                    fix="leave out `labels`, or `with`",
                )
            reader = self._encoders.for_pictures(live, "labels")
            return ask_labels(reader, wanted.labels, wanted)
        if wanted.classifier is not None:
            trained = self.classifier(live, wanted.classifier, wanted.target)
            return ask_model(trained.model, trained.note, wanted)
        check_field(self._catalog, live.record, wanted.target, "target")
        known = knowledge_of(self._catalog, self._calibrations, live.record, wanted.target)
        if known.fitted is not None:
            known = replace(known, drifted=self.drift.drifted(live.record, known.fitted))
        return ask_vote(known, wanted)

    def classifier(self, live: LiveCollection, name: str, target: str) -> OpenedClassifier:
        """Open a trained classifier; see `SearchEngine.classifier`."""
        check_field(self._catalog, live.record, target, "target")
        return open_classifier(self._catalog, live.record, name, target, self._classifiers)


def _found_alone(
    find: Callable[[Sequence[Subject]], list[SearchResult]], subjects: Sequence[Subject]
) -> Iterator[SearchResult | EyedexError]:
    for subject in subjects:
        try:
            yield find([subject])[0]
        except EyedexError as error:
            yield error


def only(outcomes: Outcomes) -> SearchResult:
    """Return the result for the only thing that was asked with; raise the error if there is one."""
    outcome = outcomes[0]
    if isinstance(outcome, EyedexError):
        raise outcome
    return outcome
